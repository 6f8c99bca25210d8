package main

import (
	"golang.org/x/sys/unix"

	"qkms/internal/admin"
)

// synchronised asks the kernel whether something keeps its clock right.
func synchronised() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR
}

func space(dir string) admin.Check {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return admin.Check{What: "disk space", Verdict: admin.Problem, Text: err.Error()}
	}
	return verdictOnSpace(st.Bavail * uint64(st.Bsize))
}
