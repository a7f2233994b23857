package conformance

var authorityRows = []row{}
