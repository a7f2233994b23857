package conformance

var tcpRows = []row{}
