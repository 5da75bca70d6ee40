# The verbs of this project; "make help" says what each does.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The race detector needs a C compiler; without one the tests run without it.
RACE := $(shell command -v gcc >/dev/null 2>&1 && echo -race)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0
FUZZTIME    ?= 20s

# Packages and images. A version begins with a digit there, and has no hyphen. Where no tag
# says which it is, it is ordered by the commit's time: 0+20260102030405.abc1234.
NFPM        := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
ARCHS       := amd64 arm64
COMMITTED    = $(shell TZ=UTC0 git show -s --format=%cd. --date=format-local:%Y%m%d%H%M%S HEAD 2>/dev/null)
PKGVERSION   = $(shell echo '$(VERSION)' | sed -e 's/^v\{0,1\}\([0-9][0-9]*\.\)/\1/' -e t -e 's/^/0+$(COMMITTED)/' | tr - +)

.PHONY: run build test lint fmt fuzz bench chaos dist packages image help redis

run: build ## try it: both platforms and a model on this machine, with a prompt
	./bin/longwire sandbox

build: ## bin/longwire, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/longwire ./agent

test: redis ## all tests, with the race detector
	@test -n "$(RACE)" || echo "no gcc: the tests run without the race detector"
	go test $(RACE) -shuffle=on -timeout 20m ./...

lint: ## gofmt, vet, staticcheck, known vulnerabilities
	@unformatted=$$(gofmt -l agent connectors conversation deploy); test -z "$$unformatted" || { echo "run make fmt: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	@GOBIN='$(CURDIR)/bin' go install $(GOVULNCHECK)
	@./bin/govulncheck ./...; code=$$?; \
	if [ $$code -eq 3 ]; then exit 1; \
	elif [ $$code -ne 0 ]; then echo "known vulnerabilities were not looked for: govulncheck could not reach its database"; fi

fmt: ## gofmt everything
	gofmt -w agent connectors conversation deploy

fuzz: ## every fuzz target for FUZZTIME (20s)
	@grep -rl --include='*_test.go' '^func Fuzz' agent connectors conversation | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			echo "$$(dirname $$file) $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
		done; \
	done

bench: build redis ## the program against a bare loop, in ratios
	go run ./agent/bench

chaos: build redis ## the promise under fire: a seeded soak; CHAOS='-cut' for a minute, '-help' for more
	go run ./agent/chaos $(CHAOS)

dist: ## dist/linux: a static program for each processor
	@for arch in $(ARCHS); do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o dist/linux/$$arch/longwire ./agent || exit 1; \
	done

packages: dist ## dist: Debian and RPM packages
	gzip -9nc deploy/package/longwire.1 > dist/longwire.1.gz
	@for arch in $(ARCHS); do for format in deb rpm; do \
		ARCH=$$arch VERSION='$(PKGVERSION)' go run $(NFPM) package -f deploy/nfpm.yaml -p $$format -t dist/ || exit 1; \
	done; done

image: dist ## dist: the container image for both processors, and its SBOM; needs buildah, no daemon
	VERSION='$(VERSION)' COMMIT='$(COMMIT)' ARCHS='$(ARCHS)' deploy/container/build.sh

help: ## this text
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1	\2/p' Makefile | expand -t 16

# A real redis-server for the tests: installed where that is possible, otherwise
# they run on miniredis and say so.
redis:
	@command -v redis-server >/dev/null 2>&1 \
	|| { command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq redis-server >/dev/null; } \
	|| { command -v brew >/dev/null 2>&1 && brew install redis; } \
	|| echo "redis-server is missing and cannot be installed here: its tests run on miniredis"
