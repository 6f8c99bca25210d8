// Command protogen turns the .proto files of one directory of this repository into Go, so that
// `go generate` needs the Go module proxy and nothing else: no protoc, no plugin on the PATH.
//
// It compiles with protocompile and hands the result to protoc-gen-go's own generator, so the output
// is what protoc would have written. Usage: go run -C tools/protogen . DIR, DIR relative to the root.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -C tools/protogen . DIR")
		os.Exit(2)
	}
	if err := run(filepath.Join("..", ".."), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(root, dir string) error {
	files, err := filepath.Glob(filepath.Join(root, dir, "*.proto"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no .proto file in %s: %w", dir, err)
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = filepath.ToSlash(filepath.Join(dir, filepath.Base(f)))
	}
	request, err := compile(root, names)
	if err != nil {
		return err
	}
	return write(root, request)
}

func compile(root string, names []string) (*pluginpb.CodeGeneratorRequest, error) {
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard, // keeps the comments
	}
	compiled, err := c.Compile(context.Background(), names...)
	if err != nil {
		return nil, err
	}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: names, Parameter: proto.String("paths=source_relative")}
	for _, f := range compiled {
		// The descriptor is taken through bytes: protoc-gen-go wants the known Go type.
		raw, err := proto.Marshal(protodesc.ToFileDescriptorProto(f))
		if err != nil {
			return nil, err
		}
		d := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(raw, d); err != nil {
			return nil, err
		}
		request.ProtoFile = append(request.ProtoFile, d)
	}
	return request, nil
}

func write(root string, request *pluginpb.CodeGeneratorRequest) error {
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		return err
	}
	for _, f := range plugin.Files {
		if f.Generate {
			internal_gengo.GenerateFile(plugin, f)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		return fmt.Errorf("%s", response.GetError())
	}
	for _, f := range response.File {
		if err := os.WriteFile(filepath.Join(root, f.GetName()), []byte(f.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
