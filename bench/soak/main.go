// Command soak uses a QKMS for as long as it is told, checks every answer, kills and stops the server now and then, and looks
// at the end whether memory and goroutines have stayed as they were.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"qkms/bench/target"
	"qkms/bench/workload"
)

func main() {
	during := flag.Duration("for", 10*time.Minute, "`TIME` to go on")
	actors := flag.Int("actors", 8, "how many `ACTORS` ask at once")
	seed := flag.Uint64("seed", rand.Uint64(), "`NUMBER` that all choices go by")
	program := flag.String("qkms", "", "the program `FILE`; if not given: the source is built")
	flag.Parse()
	fmt.Printf("seed %d\n", *seed)
	if err := run(*program, *actors, *seed, *during); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Println("no wrong answer, nothing lost, memory and goroutines flat")
}

// stretch is how many things each actor does before something else happens.
const stretch = 400

func run(program string, actors int, seed uint64, during time.Duration) error {
	dir, err := os.MkdirTemp("", "qkms-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if program == "" {
		if program, err = target.Build(dir); err != nil {
			return err
		}
	}
	f, err := workload.Start(&target.QKMS{Program: program, Dir: filepath.Join(dir, "data"), Log: filepath.Join(dir, "log")}, actors, seed)
	if err != nil {
		return err
	}
	defer func() { _ = f.Server.Kill() }()
	began := time.Now()
	if err := restarts(f, rand.New(rand.NewPCG(seed, 0)), actors, func() bool { return time.Since(began) < during/2 }); err != nil {
		return err
	}
	if err := steady(f, func() bool { return time.Since(began) < during }); err != nil {
		return err
	}
	if err := f.CheckRecords(); err != nil {
		return err
	}
	n, kinds := f.Requests()
	fmt.Printf("%d requests of %d kinds\n", n, len(kinds))
	return f.Stop()
}

// restarts ends the server after every stretch, or in the middle of it.
func restarts(f *workload.Fleet, chance *rand.Rand, actors int, more func() bool) error {
	for n := 1; more(); n++ {
		var err error
		if n%3 == 0 {
			err = errors.Join(f.Run(stretch), f.Stop())
		} else {
			err = f.RunAndKill(stretch, 1+chance.IntN(stretch*actors))
		}
		if err == nil {
			err = f.Restart()
		}
		if err != nil {
			return err
		}
		requests, _ := f.Requests()
		fmt.Printf("ended %d times, %d requests, all is there\n", n, requests)
	}
	return nil
}

// steady leaves the server running with the keys that there are, and compares what it keeps after two stretches with what it keeps at the end.
func steady(f *workload.Fleet, more func() bool) error {
	f.Settle()
	var before, now workload.Rest
	for n := 1; n <= 4 || more(); n++ {
		err := f.Run(stretch)
		if err == nil && n%5 == 0 {
			err = f.Check()
		}
		if err != nil {
			return err
		}
		if now, err = f.Rest(); err != nil {
			return err
		}
		if n == 2 {
			before = now
		}
		requests, _ := f.Requests()
		fmt.Printf("%d requests; heap %.1f MB, %v goroutines\n", requests, now.Heap/1e6, now.Goroutines)
	}
	return errors.Join(f.Check(), workload.Flat(before, now))
}
