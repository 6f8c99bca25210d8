package crash_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// check compares everything the workers were told with what the server says after a restart, and has it
// examine itself: every record opens, the change log and the audit log are whole, the outbox is empty.
func (f *fleet) check(t *testing.T) (errs []error) {
	t.Helper()
	f.server.Run("doctor", "--no-tls")
	keys, aliases := f.listed(t)
	errs = f.each(func(w *worker) error { return w.checkKeys(t.Context(), keys) })
	known, unborn := 0, 0
	for _, w := range f.workers {
		known, unborn = known+len(w.keys), unborn+w.unborn
		errs = append(errs, w.checkAliases(aliases)...)
	}
	// Of keys that were asked for without an answer, each may be there or not.
	if extra := len(keys) - known; extra < 0 || extra > unborn {
		errs = append(errs, fmt.Errorf("got %d keys, want %d, and %d more at most", len(keys), known, unborn))
	}
	for name, id := range aliases { // checkAliases took out what it knows
		errs = append(errs, fmt.Errorf("alias %s of %s: got it, want none of that name", name, id))
	}
	errs = append(errs, f.each(func(w *worker) error { return w.checkSealed(t.Context()) })...)
	return append(errs, f.checkAudit(t)...)
}

// listed returns all keys and aliases there are, aliases with the key that each resolves to.
func (f *fleet) listed(t *testing.T) (keys map[string]bool, aliases map[string]string) {
	t.Helper()
	c := f.server.KMS()
	keys, aliases = map[string]bool{}, map[string]string{}
	for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.Keys {
			keys[*k.KeyId] = true
		}
	}
	for p := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Aliases {
			out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: a.AliasName})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := *out.KeyMetadata.KeyId, *a.TargetKeyId; got != want {
				t.Errorf("alias %s: resolves to %s, listed with %s", *a.AliasName, got, want)
			}
			aliases[*a.AliasName] = *a.TargetKeyId
		}
	}
	return keys, aliases
}

func (w *worker) checkKeys(ctx context.Context, listed map[string]bool) error {
	for _, k := range w.keys {
		if !listed[k.id] {
			return fmt.Errorf("key %s: acknowledged, and not listed", k.id)
		}
		out, err := w.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &k.id})
		if err != nil {
			return err
		}
		m, state, text := out.KeyMetadata, k.state, k.description
		if !k.state.settle(m.KeyState) {
			return fmt.Errorf("key %s: got state %s, want %s or one of %s", k.id, m.KeyState, state.is, state.asked)
		}
		if !k.description.settle(*m.Description) {
			return fmt.Errorf("key %s: got description %q, want %q or one of %q", k.id, *m.Description, text.is, text.asked)
		}
		if (m.DeletionDate != nil) != (m.KeyState == types.KeyStatePendingDeletion) || m.Enabled != (m.KeyState == types.KeyStateEnabled) {
			return fmt.Errorf("key %s: torn: %s, enabled %t, deletion %v", k.id, m.KeyState, m.Enabled, m.DeletionDate)
		}
	}
	return nil
}

func (w *worker) checkAliases(listed map[string]string) (errs []error) {
	for name, f := range w.aliases {
		before, found := *f, listed[name]
		delete(listed, name)
		if !f.settle(found) {
			errs = append(errs, fmt.Errorf("alias %s: got key %q, want %q or one of %q", name, found, before.is, before.asked))
		}
	}
	return errs
}

// checkSealed opens what was sealed since the last check and belongs to a key that may be used. The
// rest is opened at the end.
func (w *worker) checkSealed(ctx context.Context) error {
	for ; w.checked < len(w.sealed); w.checked++ {
		s := w.sealed[w.checked]
		if s.key.state.is != types.KeyStateEnabled {
			continue
		}
		if err := w.opens(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// checkOpensAll makes every key usable again and opens everything that was ever sealed.
func (w *worker) checkOpensAll(ctx context.Context) error {
	for _, k := range w.keys {
		if k.state.is == types.KeyStatePendingDeletion {
			if _, err := w.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &k.id}); err != nil {
				return err
			}
			k.state.is = types.KeyStateDisabled
		}
		if k.state.is == types.KeyStateDisabled {
			if err := w.enable(ctx, k); err != nil {
				return err
			}
		}
	}
	for _, s := range w.sealed {
		if err := w.opens(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// checkAudit looks for the record of every request that was ever answered, and compares what the
// records say was made with what is there: a change that outlived the crash has its record although
// nobody was told of it, and a record of a change that did not is not there.
func (f *fleet) checkAudit(t *testing.T) (errs []error) {
	t.Helper()
	records := f.server.Records()
	byID := harness.ByRequest(t, records)
	missing := 0
	for _, id := range f.server.Wire.RequestIDs() {
		if _, is := byID[id]; !is {
			missing++
		}
	}
	if missing > 0 {
		errs = append(errs, fmt.Errorf("got no record of %d answered requests", missing))
	}
	made := map[string]int{}
	for _, r := range records {
		if r.AWSRegion == region && r.ErrorCode == "" {
			made[r.EventName]++
		}
	}
	keys, aliases := f.listed(t)
	if got, want := made["CreateKey"], len(keys); got != want {
		errs = append(errs, fmt.Errorf("got %d records of CreateKey, want %d, as many as there are keys", got, want))
	}
	if got, want := made["CreateAlias"]-made["DeleteAlias"], len(aliases); got != want {
		errs = append(errs, fmt.Errorf("got %d more records of CreateAlias than of DeleteAlias, want %d: %v", got, want, made))
	}
	return errs
}
