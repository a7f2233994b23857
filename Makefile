# rollcall: every task that people and CI share. `make help` lists them.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE       ?= rollcall
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s
CONTAINERS  ?= 200
RESULTS     ?= bin/bench

# The same binary is run, tested and put into the image: static, without paths.
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: help run build image check vuln test conformance conformance-clients conformance-differential faults faults-forward load cover fuzz bench bench-forward bench-scale bench-memory bench-heartbeats bench-flood bench-reach bench-go bench-zonemap bench-propagation clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 28

run: build ## build and start rollcall on 127.0.0.1:8053 (DNS) and 127.0.0.1:8054 (HTTP)
	@exec bin/rollcall serve

build: ## build bin/rollcall
	$(BUILD) -o bin/rollcall ./cmd/rollcall

image: build ## build the container image $(IMAGE)
	@mkdir -p bin/image/data
	@cp bin/rollcall LICENSE bin/image/
	docker build --quiet --tag $(IMAGE) --file Dockerfile \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) bin/image

check: ## format, vet, 32 bits, staticcheck, tidy go.mod, import rules, known vulnerabilities
	@test -z "$$(gofmt -l .)" || { echo 'gofmt these files:'; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags conformance ./integration/...
	GOARCH=arm $(GO) vet ./...
	cd bench/zonemap && $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff
	$(GO) test -run 'TestImports' ./integration
	@scripts/vulncheck --if-reachable

vuln: ## known vulnerabilities; fails when their database cannot be reached
	@scripts/vulncheck

test: ## install what the tests need (Debian), start a Docker engine if none runs, test all with -race
	scripts/install-test-tools
	scripts/with-engine $(GO) test -race -timeout 15m ./...

conformance: conformance-clients conformance-differential ## ask every row of docs/conformance.md, and list what came of it
	$(GO) test -count=1 -v -run Rows ./integration/conformance

conformance-clients: ## have other people's programs find services as docs/clients.md and docs/drop-in.md show
	scripts/install-conformance-tools
	$(GO) test -race -count=1 -v -tags conformance -timeout 20m ./integration/clients

conformance-differential: ## compare answers with knotd, nsd and named as docs/differential.md says
	scripts/install-conformance-tools
	$(GO) test -count=1 -v -tags conformance -timeout 20m ./integration/differential

faults: ## kill, cut, fill and flood for longer than make test does, and print what it cost: the table of docs/faults.md
	scripts/install-test-tools
	$(GO) test -count=1 -v -timeout 30m ./integration/faults -kills 1000 -deaths 20 -ways 4 -away 20s -beating 1m -damages 100 -crowd 10000

faults-forward: ## have upstreams die, lie and be slow, and flood them: the table of docs/forwarding.md. The server gets one processor, all else another
	scripts/install-test-tools
	$(GO) test -count=1 -v -timeout 20m -exec 'taskset -c 1' -run 'Fault|Flood|Slow' ./integration/resolver -core 0 -lasting 5s -asking 100 -beside 2000 -flood 20000 -rounds 5

load: ## replace the server, and have it make 10,000 checks, while it answers at a steady rate
	$(GO) test -count=1 -v -run Replacement ./integration/load -rate 20000 -replacements 20
	$(GO) test -run '^$$' -bench Checks -benchtime 1x -timeout 20m ./integration/load -rate 5000 -rounds 7

cover: ## like test, and write cover.html
	scripts/install-test-tools
	scripts/with-engine $(GO) test -race -timeout 15m -coverprofile cover.out ./...
	$(GO) tool cover -html cover.out -o cover.html

fuzz: ## run each fuzz target for $(FUZZTIME)
	scripts/fuzz $(FUZZTIME)

bench: build ## answers of rollcall and of other servers side by side, as docs/performance.md shows
	scripts/install-bench-tools
	@mkdir -p $(RESULTS)
	$(GO) run ./bench/dataplane -rollcall bin/rollcall -out $(RESULTS)/answers

bench-forward: build ## the same for answers from the cache
	scripts/install-bench-tools
	@mkdir -p $(RESULTS)
	$(GO) run ./bench/dataplane -rollcall bin/rollcall -set cached -over udp -out $(RESULTS)/cached

bench-scale: build ## answers while instances change, and among a million of them
	scripts/install-bench-tools
	@mkdir -p $(RESULTS)
	$(GO) run ./bench/dataplane -rollcall bin/rollcall -set scale -over udp -out $(RESULTS)/scale

bench-memory: build ## memory of 200,000 instances, side by side
	scripts/install-bench-tools
	@mkdir -p $(RESULTS)
	$(GO) run ./bench/dataplane -rollcall bin/rollcall -rounds 0 -services 66667 -rest 3m -out $(RESULTS)/memory

bench-heartbeats: build ## heartbeats, registrations, and a start with a million of them
	@mkdir -p $(RESULTS)
	$(GO) run ./bench/heartbeats -rollcall bin/rollcall -out $(RESULTS)/heartbeats.json

bench-flood: build ## three times as many questions as can be answered, for a minute
	@mkdir -p $(RESULTS)
	$(GO) run ./bench/flood -rollcall bin/rollcall -out $(RESULTS)/flood.json

bench-reach: bench bench-scale bench-memory bench-heartbeats bench-flood ## all of docs/performance.md: half an hour
	$(GO) test -run '^$$' -bench 'Networks|Million/update|LargeService/update' -count 5 ./dnsserver ./zone

bench-go: ## Go benchmarks of all packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-zonemap: ## the data structures that a zone could have, side by side (decision 0001)
	cd bench/zonemap && $(GO) vet . && $(GO) test -run '^$$' -bench . -count 3

bench-propagation: build ## time from an engine event to the DNS answer, over $(CONTAINERS) containers
	scripts/install-test-tools
	scripts/with-engine $(GO) run ./bench/propagation -rollcall bin/rollcall -n $(CONTAINERS)

clean: ## remove what was built
	rm -rf bin .cache cover.out cover.html
