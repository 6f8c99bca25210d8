package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed pages assets
var files embed.FS

// pages are the templates: layout.html, the parts that several pages share (part-*.html), and a page each of the others.
type pages struct{ byName map[string]*template.Template }

// A frame is what layout.html is given.
type frame struct {
	Title   string
	Path    string
	Session *session // nil: nobody is signed in
	Flash   string   // what was done by the page before
	Data    any      // the page's own
}

func newPages(a *assets) (*pages, error) {
	shared, err := template.New("layout.html").Funcs(functions(a)).ParseFS(files, "pages/layout.html", "pages/part-*.html")
	if err != nil {
		return nil, err
	}
	all, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	p := &pages{map[string]*template.Template{}}
	for _, file := range all {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || strings.HasPrefix(name, "part-") {
			continue
		}
		own, err := shared.Clone()
		if err == nil {
			own, err = own.ParseFS(files, file)
		}
		if err != nil {
			return nil, err
		}
		p.byName[name] = own
	}
	return p, nil
}

// render sends a page, or nothing of it when it cannot be made: half a page may look like a whole one.
func (p *pages) render(w http.ResponseWriter, status int, name string, f frame) error {
	t := p.byName[name]
	if t == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, f); err != nil {
		return err
	}
	defer clear(b.Bytes()) // a data key may be in it
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser is gone
	return nil
}

const assetsPath = "/console/assets/"

// assets are the files that pages refer to, under names that change with them, so that browsers may keep them.
type assets struct {
	names map[string]string // of a file: the name it is asked by
	files map[string][]byte // by that name
}

func newAssets() (*assets, error) {
	a := &assets{map[string]string{}, map[string][]byte{}}
	all, err := fs.ReadDir(files, "assets")
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		body, err := files.ReadFile("assets/" + f.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(f.Name())
		name := strings.TrimSuffix(f.Name(), ext) + "-" + base64.RawURLEncoding.EncodeToString(sum[:9]) + ext
		a.names[f.Name()], a.files[name] = name, body
	}
	return a, nil
}

// path is where the browser gets a file.
func (a *assets) path(file string) (string, error) {
	name, ok := a.names[file]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", file)
	}
	return assetsPath + name, nil
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	body, ok := a.files[strings.TrimPrefix(hr.URL.Path, assetsPath)]
	if !ok {
		http.NotFound(w, hr)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(hr.URL.Path)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(body)
}
