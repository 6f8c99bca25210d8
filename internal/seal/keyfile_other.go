//go:build !unix

package seal

import "os"

// private cannot tell: permission bits say nothing here. Keep the file where only the service's
// account may read.
func private(string, os.FileInfo, os.FileMode) error { return nil }

// syncDir is nothing: a directory cannot be synced here, and the file system journals names.
func syncDir(string) error { return nil }
