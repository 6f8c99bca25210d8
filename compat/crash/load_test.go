package crash_test

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

// A worker uses the server until it dies, and journals every answer.
type worker struct {
	journal
	n   int // of the worker
	kms *kms.Client
}

// run works until the server is gone; whatever the server refuses is an error.
func (w *worker) run(ctx context.Context) error {
	for i := 0; ; i++ {
		err := w.step(ctx, i)
		if refusal, is := errors.AsType[smithy.APIError](err); is {
			return fmt.Errorf("worker %d: %w", w.n, refusal)
		}
		if errors.Is(err, errWrong) {
			return err
		}
		if err != nil {
			return nil // no answer: it is gone
		}
	}
}

var errWrong = errors.New("wrong answer")

// step does one thing, at random among those that the state of a random key allows.
func (w *worker) step(ctx context.Context, i int) error {
	if len(w.keys) < 3 || rand.IntN(10) == 0 {
		return w.create(ctx)
	}
	k := w.keys[rand.IntN(len(w.keys))]
	switch k.state.is {
	case types.KeyStatePendingDeletion:
		return k.state.ask(types.KeyStateDisabled, func() error {
			_, err := w.kms.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &k.id})
			return err
		})
	case types.KeyStateDisabled:
		return w.enable(ctx, k)
	}
	switch rand.IntN(10) {
	case 0:
		return k.state.ask(types.KeyStateDisabled, func() error {
			_, err := w.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &k.id})
			return err
		})
	case 1:
		return k.state.ask(types.KeyStatePendingDeletion, func() error {
			_, err := w.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &k.id})
			return err
		})
	case 2:
		text := fmt.Sprintf("described in step %d", i)
		return k.description.ask(text, func() error {
			_, err := w.kms.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &k.id, Description: &text})
			return err
		})
	case 3, 4:
		return w.alias(ctx, k)
	case 5:
		return w.dataKey(ctx, k)
	case 6:
		return w.open(ctx)
	}
	return w.encrypt(ctx, k)
}

func (w *worker) create(ctx context.Context) error {
	out, err := w.kms.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		w.unborn++
		return err
	}
	m := out.KeyMetadata
	w.keys = append(w.keys, &key{id: *m.KeyId, arn: *m.Arn, state: fact[types.KeyState]{is: m.KeyState}})
	return nil
}

func (w *worker) enable(ctx context.Context, k *key) error {
	return k.state.ask(types.KeyStateEnabled, func() error {
		_, err := w.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &k.id})
		return err
	})
}

// alias makes, moves or deletes one.
func (w *worker) alias(ctx context.Context, k *key) error {
	names := slices.Sorted(maps.Keys(w.aliases))
	if len(names) < 5 || len(names) < 40 && rand.IntN(2) == 0 {
		names = []string{fmt.Sprintf("alias/worker/%d/%d", w.n, len(names))}
		w.aliases[names[0]] = new(fact[string])
	}
	name := names[rand.IntN(len(names))]
	f := w.aliases[name]
	switch {
	case f.is == "":
		return f.ask(k.id, func() error {
			_, err := w.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &k.id})
			return err
		})
	case rand.IntN(2) == 0:
		return f.ask("", func() error {
			_, err := w.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &name})
			return err
		})
	}
	return f.ask(k.id, func() error {
		_, err := w.kms.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: &k.id})
		return err
	})
}

func (w *worker) encrypt(ctx context.Context, k *key) error {
	s := &sealed{key: k, plaintext: make([]byte, 1+rand.IntN(256)), context: map[string]string{"worker": fmt.Sprint(w.n)}}
	_, _ = crand.Read(s.plaintext)
	out, err := w.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.id, Plaintext: s.plaintext, EncryptionContext: s.context})
	if err != nil {
		return err
	}
	s.blob = out.CiphertextBlob
	w.sealed = append(w.sealed, s)
	return nil
}

func (w *worker) dataKey(ctx context.Context, k *key) error {
	out, err := w.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &k.id, NumberOfBytes: aws.Int32(64)})
	if err != nil {
		return err
	}
	w.sealed = append(w.sealed, &sealed{key: k, blob: out.CiphertextBlob, plaintext: out.Plaintext})
	return nil
}

// open opens a ciphertext from any time before.
func (w *worker) open(ctx context.Context) error {
	if len(w.sealed) == 0 {
		return nil
	}
	s := w.sealed[rand.IntN(len(w.sealed))]
	if s.key.state.is != types.KeyStateEnabled {
		return nil
	}
	return w.opens(ctx, s)
}

func (w *worker) opens(ctx context.Context, s *sealed) error {
	out, err := w.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: s.blob, EncryptionContext: s.context})
	if err == nil && (!bytes.Equal(out.Plaintext, s.plaintext) || *out.KeyId != s.key.arn) {
		return fmt.Errorf("%w: Decrypt: got %x by %s, want %x by %s", errWrong, out.Plaintext, *out.KeyId, s.plaintext, s.key.arn)
	}
	return err
}
