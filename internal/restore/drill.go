package restore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"qkms/internal/backup"
	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/node"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// A DrillReport says what a backup would bring back.
type DrillReport struct {
	Backup    time.Time `json:"backup"`
	Records   int       `json:"records"`
	Opened    int       `json:"opened"` // of them, those that are sealed
	Keys      int       `json:"keys"`
	Materials int       `json:"materials"` // whose bytes are those that their ids were made of
	Decrypted int       `json:"decrypted"` // of them, those that what was encrypted under them was decrypted with
	Problems  []string  `json:"problems"`  // none: all of it can be used
	SHA256    string    `json:"sha256"`    // of the backup's stream, in hex
}

// Drill restores a backup into a store in dir that is thrown away, and uses every key in it. It needs the root
// key and changes nothing. Damage of the file is an error; what is wrong with single keys is in the report.
//
// That old ciphertexts decrypt is shown without one: the id of a material, which ciphertexts name, is a keyed
// hash of its bytes. It is computed again from the bytes in the backup, so they are the ones that encrypted.
func Drill(ctx context.Context, c Config, dir string) (rep DrillReport, err error) {
	if c.Node.Now == nil {
		c.Node.Now = time.Now
	}
	err = backup.InScratch(ctx, c.From, dir, c.terms(), func(b *backup.Copy) error {
		rep = DrillReport{Backup: b.Statement.At, Records: b.Manifest.Records, Opened: b.Report.Records, Problems: []string{}, SHA256: fmt.Sprintf("%x", b.Manifest.SHA256)}
		for _, id := range b.Report.Orphans {
			rep.Problems = append(rep.Problems, "a material belongs to no key: that of "+id)
		}
		d := drill{&rep, node.Materials(b.Book)}
		defer d.custody.ForgetAll()
		return d.keys(ctx, b.Book, c.Say)
	})
	return rep, err
}

type drill struct {
	*DrillReport
	custody *soft.Soft
}

func (d *drill) keys(ctx context.Context, b *record.Book, say func(backup.Progress)) error {
	var after record.Key
	for {
		page, more, err := record.Scan[recordpb.Key](ctx, b, record.AllKeys(), after, 500)
		if err != nil {
			return err
		}
		for _, it := range page {
			d.Keys++
			for _, v := range it.Msg.Versions {
				if err := d.material(ctx, it.Msg, v); err != nil {
					d.Problems = append(d.Problems, fmt.Sprintf("key %s of account %s in %s: %v", it.Msg.Id, it.Msg.Account, it.Msg.Region, err))
				}
			}
			after = it.Key
		}
		if say != nil {
			say(backup.Progress{Step: "keys tried", Records: d.Keys})
		}
		if !more {
			return nil
		}
	}
}

func (d *drill) material(ctx context.Context, k *recordpb.Key, v *recordpb.Version) error {
	if v.Missing || k.Gone { // it was deleted, has expired or is being deleted
		return nil
	}
	ref := custody.Ref{Account: k.Account, Region: k.Region, KeyID: k.Id, MaterialID: v.Id}
	if err := d.custody.Check(ctx, ref); err != nil {
		return err
	}
	d.Materials++
	if k.Spec != string(shape.KeySpecSymmetricDefault) {
		return nil
	}
	said := map[string]string{"qkms": "restore drill"}
	text := []byte(rand.Text())
	ciphertext, err := d.custody.Seal(ctx, ref, text, said)
	if err != nil {
		return err
	}
	got, err := d.custody.Open(ctx, ref, ciphertext, said)
	if err == nil && !bytes.Equal(got, text) {
		err = errors.New("what was encrypted decrypts to something else")
	}
	if err == nil {
		d.Decrypted++
	}
	return err
}
