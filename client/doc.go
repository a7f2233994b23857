// Package client registers an instance of a service with rollcall and keeps it
// registered while it runs.
//
//	inst, err := client.New(client.Options{Servers: []string{"http://127.0.0.1:8054"}}, client.Registration{
//		Service: "web",
//		Ports:   []client.Port{{Name: "http", Number: 8080}},
//	})
//	if err != nil {
//		return err
//	}
//	return inst.Run(ctx) // until ctx is done; then the registration is removed
//
// It uses the standard library alone, and speaks to one server at a time: to the
// next one when that cannot be reached.
package client
