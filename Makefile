# make demo and make test need Go and a C compiler, and nothing else.

RACE = ./trail ./intake/... ./index ./web/... ./server ./client
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build demo test soak test-short lint bench fuzz deps

build: ## both programs, in bin/
	go build -trimpath -o bin/evident ./cmd/evident
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/evident-verify ./cmd/evident-verify

demo: ## a fictional company's last twelve months, at http://127.0.0.1:8080
	go run ./cmd/evident demo

test: deps ## everything, with the race detector where there is concurrency
	go vet ./...
	go test $$(go list ./... | grep -v -x -F "$$(go list $(RACE))")
	go test -race -short $(RACE)
	go test ./trail ./index ./web/... ./server
	cd web/tlog/fsck && go test ./...
	cd bench && go vet ./... && go test -short ./...

soak: deps ## senders and servers killed again and again: rsyslog, OpenTelemetry's SDK
	go test -count=1 ./intake/...

test-short: ## what takes seconds
	go test -short ./...

lint: ## formatting, vet, staticcheck, architecture
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || (echo 'run gofmt -w on these files'; exit 1)
	go vet ./...
	go run $(STATICCHECK) ./...
	go test -count=1 .

bench: ## measures on this machine, beside PostgreSQL; writes bench/results.md
	cd bench && go run . -out results.md

fuzz: ## every fuzz test for a minute
	@for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime 60s $$p || exit 1; \
		done; done

deps: ## what the tests run beside Go: a browser and Python 3
	@sh .ci/deps
