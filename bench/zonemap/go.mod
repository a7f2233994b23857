module github.com/rollcall-dns/rollcall/bench/zonemap

go 1.26.0

replace github.com/rollcall-dns/rollcall => ../..

require (
	github.com/benbjohnson/immutable v0.4.3
	github.com/hashicorp/go-immutable-radix/v2 v2.1.0
	github.com/rollcall-dns/rollcall v0.0.0-00010101000000-000000000000
)

require (
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	golang.org/x/exp v0.0.0-20221215174704-0915cd710c24 // indirect
)
