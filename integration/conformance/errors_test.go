package conformance

var errorRows = []row{}
