// Package certs keeps a TLS certificate as it is in its files, which whoever renews it
// replaces: certbot by links, Kubernetes by a link to a directory, others by writing
// into them. A pair that cannot be used never replaces one that can.
package certs
