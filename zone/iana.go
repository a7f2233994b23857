package zone

type portProto struct {
	port  uint16
	proto Proto
}

// nameProto is a service name with its protocol.
type nameProto struct {
	name  string
	proto Proto
}

// ianaPorts finds the port of a service name.
var ianaPorts = func() map[nameProto]uint16 {
	m := make(map[nameProto]uint16, len(ianaNames))
	for p, name := range ianaNames {
		m[nameProto{name, p.proto}] = p.port
	}
	return m
}()

// ianaNames are the service names that IANA has registered (RFC 6335) for the
// ports that services here are likely to use.
var ianaNames = map[portProto]string{
	{20, TCP}: "ftp-data", {21, TCP}: "ftp", {22, TCP}: "ssh", {23, TCP}: "telnet",
	{25, TCP}: "smtp", {37, TCP}: "time", {43, TCP}: "nicname", {49, TCP}: "tacacs",
	{53, TCP}: "domain", {53, UDP}: "domain", {67, UDP}: "bootps", {68, UDP}: "bootpc",
	{69, UDP}: "tftp", {70, TCP}: "gopher", {79, TCP}: "finger", {80, TCP}: "http",
	{88, TCP}: "kerberos", {88, UDP}: "kerberos", {110, TCP}: "pop3", {111, TCP}: "sunrpc",
	{111, UDP}: "sunrpc", {113, TCP}: "auth", {119, TCP}: "nntp", {123, UDP}: "ntp",
	{137, UDP}: "netbios-ns", {138, UDP}: "netbios-dgm", {139, TCP}: "netbios-ssn",
	{143, TCP}: "imap", {161, UDP}: "snmp", {162, UDP}: "snmptrap", {179, TCP}: "bgp",
	{194, TCP}: "irc", {389, TCP}: "ldap", {389, UDP}: "ldap", {427, TCP}: "svrloc",
	{443, TCP}: "https", {443, UDP}: "https", {445, TCP}: "microsoft-ds",
	{464, TCP}: "kpasswd", {464, UDP}: "kpasswd", {514, UDP}: "syslog", {515, TCP}: "printer",
	{520, UDP}: "router", {543, TCP}: "klogin", {546, UDP}: "dhcpv6-client",
	{547, UDP}: "dhcpv6-server", {548, TCP}: "afpovertcp", {554, TCP}: "rtsp",
	{587, TCP}: "submission", {631, TCP}: "ipp", {636, TCP}: "ldaps", {646, TCP}: "ldp",
	{749, TCP}: "kerberos-adm", {853, TCP}: "domain-s", {853, UDP}: "domain-s",
	{873, TCP}: "rsync", {989, TCP}: "ftps-data", {990, TCP}: "ftps", {992, TCP}: "telnets",
	{993, TCP}: "imaps", {995, TCP}: "pop3s",
	// Registered ports that databases, queues and proxies are known by.
	{1433, TCP}: "ms-sql-s", {1883, TCP}: "mqtt", {2049, TCP}: "nfs", {2375, TCP}: "docker",
	{2376, TCP}: "docker-s", {2379, TCP}: "etcd-client", {2380, TCP}: "etcd-server",
	{3306, TCP}: "mysql", {3478, TCP}: "stun", {3478, UDP}: "stun", {4369, TCP}: "epmd",
	{5060, TCP}: "sip", {5060, UDP}: "sip", {5061, TCP}: "sips", {5222, TCP}: "xmpp-client",
	{5269, TCP}: "xmpp-server", {5432, TCP}: "postgresql", {5671, TCP}: "amqps",
	{5672, TCP}: "amqp", {5984, TCP}: "couchdb", {6379, TCP}: "redis", {8080, TCP}: "http-alt",
	{8883, TCP}: "secure-mqtt", {11211, TCP}: "memcache", {27017, TCP}: "mongodb",
}
