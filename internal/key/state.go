package key

import (
	"qkms/internal/fault"
)

// The states of a key, in the words of the model.
const (
	Enabled                = "Enabled"
	Disabled               = "Disabled"
	PendingDeletion        = "PendingDeletion"
	PendingReplicaDeletion = "PendingReplicaDeletion"
	PendingImport          = "PendingImport"
	Unavailable            = "Unavailable"
	Creating               = "Creating"
	Updating               = "Updating"
)

// A State set says in which states besides Enabled an operation works: a row of the matrix in
// operations.md §9.3.
type States uint8

const (
	WhileDisabled        States = 1 << iota
	WhilePendingDeletion        // and PendingReplicaDeletion
	WhilePendingImport
	WhileUnavailable
	WhileCreating
	WhileUpdating

	InAnyState = WhileDisabled | WhilePendingDeletion | WhilePendingImport | WhileUnavailable | WhileCreating | WhileUpdating
	ForUse     = WhileUpdating // cryptography: only Enabled, and the seconds of UpdatePrimaryRegion
)

// states holds, for each state, the set it belongs to and how a refusal words it (§9.2).
var states = map[string]struct {
	in   States
	text string
}{
	Disabled:               {WhileDisabled, ""},
	PendingDeletion:        {WhilePendingDeletion, "pending deletion"},
	PendingReplicaDeletion: {WhilePendingDeletion, "pending replica deletion"},
	PendingImport:          {WhilePendingImport, "pending import"},
	Unavailable:            {WhileUnavailable, "unavailable"},
	Creating:               {WhileCreating, "creating"},
	Updating:               {WhileUpdating, "updating"},
}

// A Usage is what a key is for, in the words of the model; empty: any.
type Usage string

const (
	EncryptDecrypt    Usage = "ENCRYPT_DECRYPT"
	SignVerify        Usage = "SIGN_VERIFY"
	GenerateVerifyMac Usage = "GENERATE_VERIFY_MAC"
	KeyAgreement      Usage = "KEY_AGREEMENT"

	EncapsulateDecapsulate Usage = "ENCAPSULATE_DECAPSULATE"
)

// Ready reports why k cannot serve operation: its usage first, then its state (§4.1 steps 6 and 7).
func Ready(k *Key, operation string, usage Usage, allowed States) error {
	if usage != "" && k.Usage != string(usage) {
		return fault.WrongUsage(k.ARN, k.Usage, operation)
	}
	if k.State == Enabled {
		return nil
	}
	s, known := states[k.State]
	switch {
	case known && allowed&s.in != 0:
		return nil
	case k.State == Disabled:
		return fault.KeyDisabled(k.ARN)
	case known:
		return fault.KeyInState(k.ARN, s.text)
	}
	return fault.KeyInState(k.ARN, "unavailable") // a state a newer release wrote: refuse
}
