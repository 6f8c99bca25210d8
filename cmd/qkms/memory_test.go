package main

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestPlanMemory(t *testing.T) {
	const none, mib = int64(math.MaxInt64), int64(1 << 20)
	for name, tc := range map[string]struct {
		cache, allowed, environment int64
		want                        memoryPlan
	}{
		"nothing said":                    {0, none, none, memoryPlan{256 * mib, 512 * mib, false}},
		"a cache":                         {1024 * mib, none, none, memoryPlan{1024 * mib, 1664 * mib, false}},
		"a small container":               {0, 400 * mib, none, memoryPlan{100 * mib, 278 * mib, false}},
		"a large container":               {0, 8192 * mib, none, memoryPlan{256 * mib, 512 * mib, false}},
		"a container it does not fit":     {512 * mib, 640 * mib, none, memoryPlan{512 * mib, 576 * mib, true}},
		"GOMEMLIMIT":                      {0, none, 4096 * mib, memoryPlan{256 * mib, 4096 * mib, false}},
		"a small GOMEMLIMIT":              {0, none, 200 * mib, memoryPlan{50 * mib, 200 * mib, false}},
		"a GOMEMLIMIT that is too small":  {256 * mib, none, 256 * mib, memoryPlan{256 * mib, 256 * mib, true}},
		"GOMEMLIMIT before the container": {256 * mib, 8192 * mib, 2048 * mib, memoryPlan{256 * mib, 2048 * mib, false}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := planMemory(tc.cache, tc.allowed, tc.environment); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
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
