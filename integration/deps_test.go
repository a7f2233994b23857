package integration

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rollcall-dns/rollcall"

// A rule says what a package may import beside the standard library: packages of
// the module by their folder, others by their path, each with all below it.
type rule struct {
	folder string // as path.Match has it; the first rule that matches holds
	may    []string
	why    string
}

var rules = []rule{
	{"zone", []string{"zone/hamt"},
		"the zone is pure, so that it can be tested, fuzzed and measured without anything around it"},
	{"zone/hamt", nil,
		"a map knows nothing of what is kept in it"},
	{"zone/zonetest", []string{"zone", "github.com/miekg/dns"},
		"helpers of tests know the zone and the DNS library that it is compared with"},
	{"dnsserver", []string{"zone", "github.com/miekg/dns", "github.com/hashicorp/golang-lru/v2", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/sync"},
		"the DNS server reads snapshots: with a source or the program in its hands, asking one name in a test would mean to start them all"},
	{"dnsserver/cache", []string{"dnsserver", "zone", "github.com/miekg/dns", "github.com/hashicorp/golang-lru/v2", "golang.org/x/sync"},
		"a cache knows the server that asks it, and nothing of whom it asks itself"},
	{"dnsserver/upstream", []string{"github.com/miekg/dns"},
		"it speaks to a name server, whoever asks and whatever for"},
	{"dnsserver/upstream/upstreamtest", []string{"github.com/miekg/dns"},
		"a server for tests knows none of those that are tested with it"},
	{"dnsserver/forward", []string{"dnsserver", "dnsserver/upstream", "zone", "github.com/miekg/dns", "github.com/hashicorp/golang-lru/v2", "golang.org/x/sync"},
		"whom to ask is decided from names alone, and asking is upstream's"},
	{"sources", []string{"zone"},
		"the contract of sources stands between any source and the zone, and belongs to neither"},
	{"sources/sourcetest", []string{"sources", "zone", "github.com/google/go-cmp"},
		"the conformance kit knows the contract, and no source"},
	{"sources/lease", []string{"sources", "zone"},
		"leases serve all sources that have them, and so know none"},
	{"sources/docker", []string{"sources", "zone", "github.com/docker/docker", "github.com/docker/go-connections", "github.com/containerd/errdefs", "github.com/opencontainers", "github.com/moby/docker-image-spec"},
		"a source knows its own origin and no other source, so that each can be removed without a trace"},
	{"sources/selfreg", []string{"sources", "sources/lease", "zone"},
		"a source knows its own origin and no other source, so that each can be removed without a trace"},
	{"sources/static", []string{"sources", "zone", "go.yaml.in/yaml/v4"},
		"a source knows its own origin and no other source, so that each can be removed without a trace"},
	{"sources/health", []string{"sources", "zone", "github.com/miekg/dns"},
		"checks sit between a source and the zone, and know no source"},
	{"admin", []string{"sources", "zone", "dnsserver/cache", "github.com/prometheus/client_golang"},
		"what operators see is read from the zone, the supervisor and the cache, and changes nothing but to empty that; in the form of Prometheus it is written by its own library"},
	{"client", nil,
		"services that register themselves get no dependency but this one"},
	{"handover", nil,
		"it passes on sockets and octets, whatever they are"},
	{"certs", nil,
		"a certificate is kept as its files are, whoever shows it"},
	{"sockets", nil,
		"what listens already is no matter of what is said through it"},
	{"plainhttp", nil,
		"how a request is written is no matter of what it asks for"},
	{"program", []string{"client"},
		"it keeps a program registered, as any client could"},
	{"install", []string{"github.com/rogpeppe/go-internal/diff"},
		"it edits files, and knows nothing of the server that they name"},
	{"cmd/rollcall", []string{"zone", "dnsserver", "install", "sources", "sources/docker", "sources/lease", "sources/selfreg", "sources/static", "sources/health", "admin", "client", "program", "sockets", "certs", "handover", "plainhttp", "github.com/urfave/cli/v2", "go.yaml.in/yaml/v4", "github.com/miekg/dns", "golang.org/x/sync", "golang.org/x/sys"},
		"the program is the only place that knows everything, and does the work of none of it"},
	{"integration", []string{"integration/internal", "github.com/rogpeppe/go-internal", "github.com/google/go-cmp", "github.com/miekg/dns"},
		"these tests know the shipped program only from outside"},
	{"integration/conformance", []string{"integration/internal", "github.com/google/go-cmp", "github.com/miekg/dns"},
		"these tests know the shipped program only from outside"},
	{"integration/load", []string{"integration/internal"},
		"what is measured is the shipped program, and known only from outside"},
	{"integration/faults", []string{"integration/internal", "github.com/miekg/dns"},
		"these tests know the shipped program only from outside"},
	{"integration/resolver", []string{"integration/internal", "dnsserver/upstream/upstreamtest", "github.com/miekg/dns"},
		"these tests know the shipped program only from outside; a server that lies on demand is none of its parts"},
	{"integration/differential", []string{"integration/internal", "github.com/miekg/dns"},
		"these tests know the shipped program only from outside"},
	{"integration/internal/rollcall", nil,
		"it runs the shipped program, and knows it only from outside"},
	{"integration/internal/steady", nil,
		"it asks whatever server, and writes its questions by hand, so that they cost the machine little"},
	{"integration/internal/engine", nil,
		"it runs an engine, and knows nothing of the tests that need one"},
	{"integration/clients", []string{"integration/internal", "github.com/google/go-cmp"},
		"what clients see is asked of them, and not of a DNS library"},
	{"integration/peer", nil,
		"it runs in containers, as any program could"},
	{"bench/dataplane", []string{"bench/internal"},
		"it measures the shipped program from outside"},
	{"bench/heartbeats", []string{"bench/internal"},
		"it measures the shipped program from outside"},
	{"bench/flood", []string{"bench/internal"},
		"it measures the shipped program from outside"},
	{"bench/internal/fleet", []string{"bench/internal/web"},
		"instances are registered over HTTP, as any are"},
	{"bench/internal/launch", []string{"bench/internal/pinned", "bench/internal/web"},
		"it starts the shipped program, and knows it only from outside"},
	{"bench/internal/*", nil,
		"what measures loads the machine with little of its own"},
	{"bench/propagation", nil,
		"it measures the shipped program from outside"},
}

// pure are packages that the zone must not import, although they are standard.
var pure = []string{"context", "log", "log/slog", "net", "net/http", "os", "os/signal", "runtime/debug"}

// sole names the only packages that may import a library, outside of tests.
var sole = map[string][]string{
	"github.com/urfave/cli/v2":        {"cmd/rollcall"},
	"github.com/docker/docker":        {"sources/docker"},
	"github.com/miekg/dns":            {"dnsserver", "dnsserver/cache", "dnsserver/forward", "dnsserver/upstream", "dnsserver/upstream/upstreamtest", "cmd/rollcall", "sources/health", "zone/zonetest"},
	"go.yaml.in/yaml/v4":              {"cmd/rollcall", "sources/static"},
	"github.com/prometheus":           {"admin"},
	"github.com/rogpeppe/go-internal": {"install"},
}

type pkg struct {
	ImportPath                string
	Dir                       string
	GoFiles                   []string
	Imports                   []string
	Deps                      []string
	TestImports, XTestImports []string
	Standard                  bool
	Module                    struct{ Main bool }
}

// folder is the package's path within the module.
func folder(importPath string) string { return strings.TrimPrefix(importPath, module+"/") }

func goList(t *testing.T) (own []pkg, standard map[string]bool) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,Imports,Deps,TestImports,XTestImports,Standard,Module", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	standard = map[string]bool{"C": true}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return own, standard
		} else if err != nil {
			t.Fatal(err)
		}
		switch variant := strings.ContainsAny(p.ImportPath, " ") || strings.HasSuffix(p.ImportPath, ".test"); {
		case p.Standard:
			standard[p.ImportPath] = true
		case p.Module.Main && !variant:
			own = append(own, p)
		}
	}
}

func TestImportsFollowTheRules(t *testing.T) {
	own, standard := goList(t)
	if len(own) < 5 {
		t.Fatalf("go list found only %d packages", len(own))
	}
	for _, p := range own {
		i := slices.IndexFunc(rules, func(r rule) bool { ok, _ := path.Match(r.folder, folder(p.ImportPath)); return ok })
		if i < 0 {
			t.Errorf("%s has no rule: say in deps_test.go what it may import, and why", folder(p.ImportPath))
			continue
		}
		imports := p.Imports
		if below(p.ImportPath, []string{"integration"}) || below(p.ImportPath, []string{"bench"}) {
			imports = slices.Concat(imports, p.TestImports, p.XTestImports)
		}
		for _, imp := range imports {
			if !standard[imp] && !below(imp, rules[i].may) {
				t.Errorf("%s must not import %s: %s", folder(p.ImportPath), imp, rules[i].why)
			}
		}
	}
}

// below reports whether a package is one of those allowed, or below one. A source
// is no part of sources, the contract.
func below(imp string, allowed []string) bool {
	imp = folder(imp)
	return slices.ContainsFunc(allowed, func(a string) bool {
		return imp == a || strings.HasPrefix(imp, a+"/") && a != "sources" && a != "zone"
	})
}

func TestImportsKeepTheZonePure(t *testing.T) {
	own, _ := goList(t)
	for _, p := range own {
		if p.ImportPath != module+"/zone" {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(pure, imp) {
				t.Errorf("zone must not import %s: it has no logger, clock, network or context; whoever asks supplies what it needs", imp)
			}
		}
		return
	}
	t.Error("there is no package zone")
}

func TestImportsOfLibrariesStayInTheirPlace(t *testing.T) {
	own, _ := goList(t)
	for _, p := range own {
		for _, imp := range p.Imports {
			for lib, places := range sole {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(places, folder(p.ImportPath)) {
					t.Errorf("%s must not import %s: only %q may, so that the library can be replaced in one place",
						folder(p.ImportPath), imp, places)
				}
			}
		}
	}
}

func TestImportsOfTheDNSLibraryInTheProgramAreLookupsAlone(t *testing.T) {
	for name, file := range parse(t, "../cmd/rollcall") {
		for _, imp := range file.Imports {
			if s, _ := strconv.Unquote(imp.Path.Value); s == "github.com/miekg/dns" && name != "lookup.go" {
				t.Errorf("cmd/rollcall/%s must not import %s: the program wires servers, and only the lookup command speaks DNS", name, s)
			}
		}
	}
}

func TestImportsHaveNoSideEffects(t *testing.T) {
	own, _ := goList(t)
	for _, p := range own {
		if slices.Contains([]string{"util", "utils", "common", "http", "helpers"}, path.Base(p.ImportPath)) {
			t.Errorf("%s: a package is named after what it is for", folder(p.ImportPath))
		}
		for name, file := range parse(t, p.Dir) {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s/%s has an init function: wiring is ordinary code in cmd/rollcall", folder(p.ImportPath), name)
				}
			}
		}
	}
}

// parse reads the files of a folder that are no tests.
func parse(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]*ast.File)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = f
	}
	return files
}
