# No logic here: every target is what a person would type, and CI types the same (.ci/run).

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
TESTFLAGS   =
# A count, not a time: until Go 1.27 a time limit can fail a clean run (golang/go#75804).
FUZZ        = go test -run '^$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 100x
FUZZTIME    = 200000x
BENCH       =
SOAK        =

.PHONY: test test-nodes test-norace check gen fuzz fuzz-wire fuzz-rest bench bench-packages load soak compat faults e2e build

test:
	go test $(TESTFLAGS) ./...

# Nothing above the store can tell where it is; and five hundred nodes of it, in virtual time.
test-nodes:
	QKMS_TEST_STORE=postgres go test ./internal/server -run TestScripts
	QKMS_NODES=500 QKMS_SEEDS=1 go test ./internal/coherence -run TestSimulation

# What the race detector has little to say about: what things take of memory, of which it takes more for itself, and long
# stretches of one thing after the other.
test-norace:
	go test -run 'TestMemoryIsWhatItIsCountedAs|TestRoomIsGivenBack|TestSizes|Allocat|TestWycheproof|TestFailedDecryptionsLookAlike' \
		./internal/scale ./internal/lastuse ./internal/authn ./internal/authz/policy ./internal/custody/soft ./internal/audit ./internal/uuid
	go test -run 'TestAnyFlippedByteIsFound|Reference$$|TestManyGrants|TestImportModel|TestAnyCutIsReadAsByNetHTTP|TestManyKeysInTheConsole|TestMistakesAreFound|TestTryTellsWhatFailed' \
		./internal/audit ./internal/authz/policy ./internal/server ./internal/front ./internal/scale ./internal/store/storetest

check:
	gofmt -d .
	go vet ./...
	$(STATICCHECK) ./...

# What is generated from api/kms.json, the .proto files and the operation table.
gen:
	go generate ./...

build:
	CGO_ENABLED=0 go build -trimpath -o bin/qkms ./cmd/qkms

fuzz: fuzz-wire fuzz-rest

# What strangers send.
fuzz-wire:
	$(FUZZ) -fuzztime 20000x -fuzz '^FuzzFront$$' ./internal/front # each one asks two servers
	$(FUZZ) -fuzz '^FuzzParse$$' ./internal/authn/sigv4
	$(FUZZ) -fuzz '^FuzzStamp$$' ./internal/authn/sigv4
	$(FUZZ) -fuzz '^FuzzIssuer$$' ./internal/authn/webidentity
	$(FUZZ) -fuzz '^FuzzClaims$$' ./internal/authn/webidentity
	$(FUZZ) -fuzz '^FuzzKeys$$' ./internal/authn/webidentity
	$(FUZZ) -fuzz '^FuzzDecode$$' ./internal/wire/shape
	$(FUZZ) -fuzz '^FuzzDecode$$' ./internal/query
	$(FUZZ) -fuzztime 3000x -fuzz '^FuzzOperations$$' ./internal/iam # each one asks a whole server
	$(FUZZ) -fuzz '^FuzzParseReference$$' ./internal/key
	$(FUZZ) -fuzz '^FuzzParse$$' ./internal/blob
	$(FUZZ) -fuzz '^FuzzCheckProof$$' ./internal/audit

# What somebody with our disk can write.
fuzz-rest:
	$(FUZZ) -fuzz '^FuzzOpen$$' ./internal/seal
	$(FUZZ) -fuzz '^FuzzOpenToken$$' ./internal/seal
	$(FUZZ) -fuzz '^FuzzNames$$' ./internal/store/postgres
	$(FUZZ) -fuzz '^FuzzState$$' ./internal/seal
	$(FUZZ) -fuzztime 5000x -fuzz '^FuzzOpen$$' ./internal/audit # each one syncs files
	$(FUZZ) -fuzztime 5000x -fuzz '^FuzzSignedOpen$$' ./internal/audit
	$(FUZZ) -fuzz '^FuzzEncode$$' ./internal/audit

# The real binary against a bare net/http handler: docs/performance.md. BENCH='-ops GenerateDataKey -parts operations' looks at less,
# BENCH='-qkms before=FILE -qkms after=FILE' compares two builds.
bench:
	cd bench && go run . $(BENCH)

# Everything at once, every answer checked, the server killed meanwhile: half a minute, and ten of them.
load:
	cd bench && go vet ./... && go test -count=1 ./...

soak:
	cd bench && go run ./soak $(SOAK)

bench-packages:
	go test -run '^$$' -bench . -benchmem ./...

# Other people's clients against the real binary, which go test does not know a cached result stands on. Needs npm once, which
# brings the AWS SDK for JavaScript.
compat:
	cd compat && npm ci && go vet ./... && go test -count=1 ./...
	cd compat/goclients && go vet ./... && go test -count=1 ./...
	cd compat/deploy && go vet ./... && go test -count=1 ./...

# Three nodes over a pair of PostgreSQL servers that fails over, and power cuts on a file system of our own, which need
# /dev/fuse. QKMS_FAULTS=long plays more of the first, QKMS_CUTS=100 and QKMS_LINEAR_OPS=20000 more of the others.
faults:
	cd faults && go vet ./... && go test -count=1 ./...

# The console in Chromium: needs `chromium`, and npm once, which brings axe-core. Screenshots are left in e2e/screenshots, or $QKMS_SCREENSHOTS.
e2e:
	cd e2e && npm ci && go vet ./... && go test -count=1 -parallel 3 ./...
