package cutfs

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var (
	_ fs.NodeLookuper   = (*directory)(nil)
	_ fs.NodeReaddirer  = (*directory)(nil)
	_ fs.NodeCreater    = (*directory)(nil)
	_ fs.NodeMkdirer    = (*directory)(nil)
	_ fs.NodeLinker     = (*directory)(nil)
	_ fs.NodeSymlinker  = (*directory)(nil)
	_ fs.NodeMknoder    = (*directory)(nil)
	_ fs.NodeUnlinker   = (*directory)(nil)
	_ fs.NodeRmdirer    = (*directory)(nil)
	_ fs.NodeRenamer    = (*directory)(nil)
	_ fs.NodeFsyncer    = (*directory)(nil)
	_ fs.NodeGetattrer  = (*directory)(nil)
	_ fs.NodeStatfser   = (*directory)(nil)
	_ fs.NodeSetattrer  = (*directory)(nil)
	_ fs.NodeOpener     = (*file)(nil)
	_ fs.NodeReadlinker = (*file)(nil)
	_ fs.NodeReader     = (*file)(nil)
	_ fs.NodeWriter     = (*file)(nil)
	_ fs.NodeFsyncer    = (*file)(nil)
	_ fs.NodeFlusher    = (*file)(nil)
	_ fs.NodeGetattrer  = (*file)(nil)
	_ fs.NodeSetattrer  = (*file)(nil)
)

// Mount serves the disk at dir, to all users, until the returned function unmounts it. It needs /dev/fuse and the
// right to mount, and no fusermount. Nobody's permissions are checked.
func (d *Disk) Mount(dir string) (unmount func() error, err error) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return nil, fmt.Errorf("this machine has no FUSE, without which power cannot be cut: load the fuse module (%w)", err)
	}
	server, err := fs.Mount(dir, d.root, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true,
		AllowOther:        true, // PostgreSQL does not run as root
		FsName:            "cutfs",
		Name:              "cutfs",
	}})
	if err != nil {
		return nil, fmt.Errorf("mount at %s (this needs the right to mount, as root has): %w", dir, err)
	}
	return server.Unmount, nil
}

func (dir *directory) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	dir.disk.mu.Lock()
	defer dir.disk.mu.Unlock()
	child, ok := dir.now[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	return dir.entry(ctx, child, out), 0
}

// entry tells FUSE about a child; mu is held.
func (dir *directory) entry(ctx context.Context, child any, out *fuse.EntryOut) *fs.Inode {
	switch child := child.(type) {
	case *directory:
		child.attr(&out.Attr)
		return child.inode(ctx, dir, child, syscall.S_IFDIR)
	case *file:
		child.attr(&out.Attr)
		return child.inode(ctx, dir, child, child.kind)
	}
	panic("cutfs: internal error: an entry that is neither file nor directory")
}

// inode returns the one inode that a node has as long as it lives.
func (n *node) inode(ctx context.Context, dir *directory, child fs.InodeEmbedder, kind uint32) *fs.Inode {
	if n.StableAttr().Ino != 0 {
		return &n.Inode
	}
	n.disk.stable++
	return dir.NewInode(ctx, child, fs.StableAttr{Mode: kind, Ino: n.disk.stable + 1})
}

func (dir *directory) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	dir.disk.mu.Lock()
	defer dir.disk.mu.Unlock()
	var list []fuse.DirEntry
	for name := range dir.now {
		list = append(list, fuse.DirEntry{Name: name})
	}
	return fs.NewListDirStream(list), 0
}

func (dir *directory) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	child := dir.disk.newFile(ctx, mode)
	child.scratch = scratch(name)
	inode, errno := dir.add(ctx, name, child, out)
	return inode, nil, 0, errno
}

func (dir *directory) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return dir.add(ctx, name, dir.disk.newDirectory(ctx, mode), out)
}

// Symlink makes a name for a path. It is lost in a power cut.
func (dir *directory) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child := dir.disk.newFile(ctx, 0o777)
	child.kind, child.now = syscall.S_IFLNK, []byte(target)
	return dir.add(ctx, name, child, out)
}

// Mknod makes a socket. It is lost in a power cut.
func (dir *directory) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return nil, syscall.EPERM
	}
	child := dir.disk.newFile(ctx, mode)
	child.kind = syscall.S_IFSOCK
	return dir.add(ctx, name, child, out)
}

// Link gives a file a second name.
func (dir *directory) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	child, ok := target.(*file)
	if !ok {
		return nil, syscall.EPERM
	}
	dir.disk.mu.Lock()
	_, taken := dir.now[name]
	dir.disk.mu.Unlock()
	if taken {
		return nil, syscall.EEXIST
	}
	return dir.add(ctx, name, child, out)
}

func (dir *directory) add(ctx context.Context, name string, child any, out *fuse.EntryOut) (inode *fs.Inode, errno syscall.Errno) {
	full := false
	errno = dir.disk.change(func() {
		if full = dir.disk.full(); full {
			return
		}
		dir.disk.rename(naming{{dir, name, child}})
		inode = dir.entry(ctx, child, out)
	})
	if errno == 0 && full {
		errno = syscall.ENOSPC
	}
	return inode, errno
}

func (dir *directory) Unlink(_ context.Context, name string) syscall.Errno {
	return dir.disk.change(func() { dir.disk.rename(naming{{dir, name, nil}}) })
}

func (dir *directory) Rmdir(ctx context.Context, name string) syscall.Errno {
	dir.disk.mu.Lock()
	child, ok := dir.now[name].(*directory)
	full := ok && len(child.now) > 0
	dir.disk.mu.Unlock()
	if full {
		return syscall.ENOTEMPTY
	}
	return dir.Unlink(ctx, name)
}

func (dir *directory) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := parent.(*directory)
	if !ok || flags != 0 {
		return syscall.ENOTSUP
	}
	return dir.disk.change(func() {
		dir.disk.rename(naming{{dir, name, nil}, {to, newName, dir.now[name]}})
	})
}

func (dir *directory) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return dir.disk.change(func() { dir.disk.flushNames(dir) })
}

// Statfs tells how much room there is; without limit, as much as anybody wants.
func (dir *directory) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	dir.disk.mu.Lock()
	defer dir.disk.mu.Unlock()
	used, size := dir.disk.used(dir.disk.root), dir.disk.size
	if size < 0 {
		size = used + 1<<40
	}
	out.Bsize, out.Frsize, out.NameLen = block, block, 255
	out.Blocks, out.Bfree = uint64(size/block), uint64(max(0, size-used)/block)
	out.Bavail = out.Bfree
	return 0
}

func (dir *directory) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	dir.disk.mu.Lock()
	defer dir.disk.mu.Unlock()
	dir.attr(&out.Attr)
	return 0
}

func (dir *directory) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	dir.disk.mu.Lock()
	defer dir.disk.mu.Unlock()
	dir.set(in)
	dir.attr(&out.Attr)
	return 0
}

func (dir *directory) attr(out *fuse.Attr) {
	out.Mode, out.Owner = syscall.S_IFDIR|dir.mode, dir.owner
}

// set changes what is not worth counting: no power cut takes it away.
func (n *node) set(in *fuse.SetAttrIn) {
	if mode, ok := in.GetMode(); ok {
		n.mode = mode & 0o777
	}
	if uid, ok := in.GetUID(); ok {
		n.owner.Uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		n.owner.Gid = gid
	}
}

func (f *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) { return nil, 0, 0 }

func (f *file) Readlink(context.Context) ([]byte, syscall.Errno) { return f.now, 0 } // which nobody changes

// Flush is close(2), which makes nothing durable.
func (f *file) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

func (f *file) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := 0
	if off < int64(len(f.now)) {
		n = copy(dest, f.now[off:])
	}
	return fuse.ReadResultData(dest[:n]), 0
}

func (f *file) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n := 0
	errno := f.change(func() {
		n = f.disk.fits(f, int(off), len(data))
		f.write(data[:n], int(off))
	})
	if errno == 0 && n == 0 && len(data) > 0 {
		errno = syscall.ENOSPC
	}
	return uint32(n), errno
}

func (f *file) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return f.change(f.flush) }

// change is Disk.change, but scratch files are beyond counting and failing.
func (f *file) change(do func()) syscall.Errno {
	if !f.scratch {
		return f.disk.change(do)
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	do()
	return 0
}

func (f *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.attr(&out.Attr)
	return 0
}

func (f *file) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) (errno syscall.Errno) {
	if size, ok := in.GetSize(); ok {
		errno = f.change(func() { f.resize(int(size)) })
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.set(in)
	f.attr(&out.Attr)
	return errno
}

func (f *file) attr(out *fuse.Attr) {
	out.Mode, out.Owner, out.Size, out.Nlink = f.kind|f.mode, f.owner, uint64(len(f.now)), 1
}
