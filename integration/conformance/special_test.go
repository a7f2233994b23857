package conformance

var specialRows = []row{}
