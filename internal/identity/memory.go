package identity

import (
	"google.golang.org/protobuf/proto"

	"qkms/internal/footprint"
	"qkms/internal/record"
)

// MemorySize implements record.Sized.
func (u *User) MemorySize() int64 {
	return footprint.Object[User]() + memory(u.User, u.ARN) + u.Tags.memory() + u.at.MemorySize() + u.bundle.memory()
}

// MemorySize implements record.Sized.
func (g *Group) MemorySize() int64 {
	return footprint.Object[Group]() + memory(g.Group, g.ARN) + g.bundle.memory()
}

// MemorySize implements record.Sized.
func (r *Role) MemorySize() int64 {
	return footprint.Object[Role]() + memory(r.Role, r.ARN) + r.Tags.memory() + r.at.MemorySize() + r.bundle.memory() + r.Trust.MemorySize()
}

// MemorySize implements record.Sized.
func (m *Managed) MemorySize() int64 {
	return footprint.Object[Managed]() + memory(m.ManagedPolicy, m.ARN) + m.Policy.Policy.MemorySize()
}

// memory is what a record takes, and the name that was made for it.
func memory(m proto.Message, arn string) int64 {
	return record.MessageSize(m) + footprint.Room(len(arn))
}

// memory is what tags take: their values are those of the record, their keys may be folded copies.
func (t Tags) memory() int64 {
	if t == nil {
		return 0
	}
	n := record.MapSize(len(t), 32)
	for key := range t {
		n += footprint.Room(len(key))
	}
	return n
}

// fromGroup is how many policies each group is taken to bring: what they are is known once they are put together.
const fromGroup = 16

// memory is what b takes, and what it will once its policies are put together. What it then points to is counted where
// it is remembered itself.
func (b *bundle) memory() int64 {
	n := footprint.Object[bundle]() + footprint.Object[made]() + footprint.Room(8*len(b.inline))
	for _, p := range b.inline {
		n += footprint.Object[Policy]() + footprint.Room(len(p.Of)) + p.MemorySize()
	}
	for _, list := range [][]pointer{b.attached, b.groups} {
		n += footprint.Room(cap(list) * int(footprint.Object[pointer]()))
		for i := range list {
			n += list[i].memory()
		}
	}
	if b.boundary != nil {
		n += footprint.Object[pointer]() + b.boundary.memory()
	}
	policies, parts := len(b.inline)+len(b.attached)+fromGroup*len(b.groups), len(b.attached)+len(b.groups)+1
	return n + 2*footprint.Room(2*8*policies) + footprint.Room(2*16*parts) // lists that grow by doubling
}

// memory is what p refers to: its name is the record's.
func (p *pointer) memory() int64 { return p.at.MemorySize() }
