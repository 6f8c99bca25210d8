package iam

import (
	"context"

	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

// What there is nothing of here, and tools ask about all the same: before they delete a user or a role, they
// take away whatever it may have.

// noneOf makes operations on an entity that list nothing.
func noneOf[T target, N any](name string) *query.Op[pagedIn[T], N] {
	return reading(name, func(context.Context, *query.Call, *entity, *pagedIn[T]) (*N, error) { return new(N), nil })
}

type (
	noInstanceProfiles struct {
		InstanceProfiles query.List[string]
		truncation
	}
	noMFADevices struct {
		MFADevices query.List[string]
		truncation
	}
	noVirtualMFADevices struct {
		VirtualMFADevices query.List[string]
		truncation
	}
	noSSHPublicKeys struct {
		SSHPublicKeys query.List[string]
		truncation
	}
	noServiceCredentials struct {
		ServiceSpecificCredentials query.List[string]
		truncation
	}
	noCertificates struct {
		Certificates query.List[string]
		truncation
	}
	noAccountAliases struct {
		AccountAliases query.List[string]
		truncation
	}
)

var listVirtualMFADevices = listing("ListVirtualMFADevices", "", func(context.Context, *query.Call, *paging) (*noVirtualMFADevices, error) {
	return new(noVirtualMFADevices), nil
})

var listAccountAliases = listing("ListAccountAliases", "", func(context.Context, *query.Call, *paging) (*noAccountAliases, error) {
	return new(noAccountAliases), nil
})

var getLoginProfile = reading("GetLoginProfile", func(_ context.Context, _ *query.Call, e *entity, _ *aUser) (*query.None, error) {
	return nil, fault.NoSuchLoginProfile(e.name)
})

var deleteLoginProfile = on("DeleteLoginProfile", func(_ context.Context, _ *query.Call, e *entity, _ *aUser) (*query.None, *record.Change, error) {
	return nil, nil, fault.NoSuchLoginProfile(e.name)
})
