package main

import (
	"io"
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestPlanMemory(t *testing.T) {
	const none, mib = int64(math.MaxInt64), int64(1 << 20)
	for name, tc := range map[string]struct {
		need memoryNeed
		want memoryPlan
	}{
		"nothing said":                    {memoryNeed{0, 8192, none, 0}, memoryPlan{256 * mib, 1088 * mib, 1088 * mib, false}},
		"few connections":                 {memoryNeed{0, 1024, none, 0}, memoryPlan{256 * mib, 808 * mib, 808 * mib, false}},
		"many connections":                {memoryNeed{0, 65536, none, 0}, memoryPlan{256 * mib, 3328 * mib, 3328 * mib, false}},
		"a cache":                         {memoryNeed{1024 * mib, 8192, none, 0}, memoryPlan{1024 * mib, 2240 * mib, 2240 * mib, false}},
		"a container":                     {memoryNeed{0, 8192, 1000 * mib, 0}, memoryPlan{125 * mib, 891*mib + mib/2, 891*mib + mib/2, false}},
		"a large container":               {memoryNeed{0, 8192, 8000 * mib, 0}, memoryPlan{256 * mib, 1088 * mib, 1088 * mib, false}},
		"a small container":               {memoryNeed{0, 8192, 400 * mib, 0}, memoryPlan{50 * mib, 360 * mib, 779 * mib, true}},
		"576 MiB, few connections":        {memoryNeed{0, 1024, 576 * mib, 0}, memoryPlan{72 * mib, 518*mib + 419431, 532 * mib, false}},
		"1 GiB":                           {memoryNeed{0, 8192, 1024 * mib, 0}, memoryPlan{128 * mib, 896 * mib, 896 * mib, false}},
		"1 GiB of cache in 2.5":           {memoryNeed{1024 * mib, 8192, 2560 * mib, 0}, memoryPlan{1024 * mib, 2240 * mib, 2240 * mib, false}},
		"a small one, few connections":    {memoryNeed{0, 1024, 520 * mib, 0}, memoryPlan{65 * mib, 468 * mib, 521*mib + mib/2, false}},
		"a container it does not fit":     {memoryNeed{512 * mib, 8192, 1280 * mib, 0}, memoryPlan{512 * mib, 1152 * mib, 1472 * mib, true}},
		"connections it does not fit":     {memoryNeed{256 * mib, 65536, 1280 * mib, 0}, memoryPlan{256 * mib, 1152 * mib, 3328 * mib, true}},
		"GOMEMLIMIT":                      {memoryNeed{0, 8192, none, 4096 * mib}, memoryPlan{256 * mib, 4096 * mib, 1088 * mib, false}},
		"GOMEMLIMIT=off":                  {memoryNeed{0, 8192, none, none}, memoryPlan{256 * mib, none, 1088 * mib, false}},
		"GOMEMLIMIT=off, a container":     {memoryNeed{256 * mib, 8192, 640 * mib, none}, memoryPlan{256 * mib, none, 1088 * mib, true}},
		"a GOMEMLIMIT that is too small":  {memoryNeed{256 * mib, 8192, none, 800 * mib}, memoryPlan{256 * mib, 800 * mib, 1088 * mib, true}},
		"GOMEMLIMIT before the container": {memoryNeed{256 * mib, 8192, 8192 * mib, 2048 * mib}, memoryPlan{256 * mib, 2048 * mib, 1088 * mib, false}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := planMemory(tc.need); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// GOMEMLIMIT=off is something said, though the limit it leaves is the one of nothing said.
func TestMemoryLimitOfTheEnvironment(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	for _, tc := range []struct {
		said string
		kept bool
	}{{"off", true}, {"", false}} {
		t.Setenv("GOMEMLIMIT", tc.said)
		(&command{Config: Config{CacheBytes: 1 << 20}, stdio: stdio{err: io.Discard}}).limitMemory(t.Context())
		if got := debug.SetMemoryLimit(-1); (got == math.MaxInt64) != tc.kept {
			t.Errorf("GOMEMLIMIT=%s: got a limit of %d", tc.said, got)
		}
	}
}

func TestControlGroup(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, tc := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"none":             {fstest.MapFS{}, math.MaxInt64},
		"in a container":   {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("536870912\n")}, 512 << 20},
		"without a limit":  {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, math.MaxInt64},
		"of a service":     {fstest.MapFS{"proc/self/cgroup": file("0::/system.slice/qkms.service\n"), "sys/fs/cgroup/system.slice/qkms.service/memory.max": file("1000000000\n"), "sys/fs/cgroup/system.slice/memory.max": file("900000000\n")}, 900000000},
		"version 1":        {fstest.MapFS{"proc/self/cgroup": file("4:memory:/docker/abc\n3:cpu:/docker/abc\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("268435456\n")}, 256 << 20},
		"not a file of it": {fstest.MapFS{"proc/self/cgroup": file("what?\n")}, math.MaxInt64},
		"outside paths":    {fstest.MapFS{"proc/self/cgroup": file("0::/../../x\n"), "sys/fs/cgroup/memory.max": file("268435456\n")}, 256 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			if got := controlGroup(tc.files); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"256MiB": 256 << 20, "1GiB": 1 << 30, "1048576": 1 << 20, "2048KiB": 2 << 20} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s: got %d, %v, want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1GiB", "1023KiB", "1MB", "MiB", "9223372036854775807GiB", "1e9", " 1GiB"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, s)
		}
	}
	s := size(256 << 20)
	if got := s.String(); got != "256MiB" {
		t.Errorf("got %s, want 256MiB", got)
	}
}
