package restore

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/iam"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/roster"
)

// identity does an operation of IAM with the parameters on record.
func (a *agent) identity(ctx context.Context, e *event) error {
	form := url.Values{}
	for name, v := range e.Request {
		text, is := v.(string)
		if !is {
			return errors.New("its parameters are not on record as they were given")
		}
		form.Set(strings.ToUpper(name[:1])+name[1:], text)
	}
	req, err := iam.Service.Row(e.Name).Decode(form)
	if err != nil {
		return err
	}
	return a.commit(ctx, e, func(rec *audit.Record) (p proposal, err error) {
		c := roster.Call(a.Node, e.Account)
		if _, err := req.Needs(ctx, c); err != nil { // for what it finds
			return p, err
		}
		rec.Request = req.Audit()
		_, p.change, err = req.Run(ctx, c)
		return p, err
	})
}

// An access key is named by its id alone, whoever asked and whosever it is.

func (a *agent) disableAccessKey(ctx context.Context, e *event) error {
	return a.onAccessKey(ctx, e, func(id string) (*record.Change, error) {
		m, _, err := record.Read[recordpb.AccessKey](ctx, a.Book, record.OfAccessKey(id))
		if err != nil || m == nil || m.Disabled {
			return nil, err
		}
		return a.AccessKeys.SetActive(ctx, id, false)
	})
}

func (a *agent) deleteAccessKey(ctx context.Context, e *event) error {
	return a.onAccessKey(ctx, e, func(id string) (*record.Change, error) { return a.AccessKeys.Delete(ctx, id) })
}

func (a *agent) onAccessKey(ctx context.Context, e *event, build func(id string) (*record.Change, error)) error {
	id := e.Request.text("accessKeyId")
	return a.commit(ctx, e, func(rec *audit.Record) (p proposal, err error) {
		rec.Request = audit.Detail{audit.String("accessKeyId", id)}
		p.change, err = build(id)
		return p, err
	})
}

func (a *agent) deleteCertificate(ctx context.Context, e *event) error {
	account, name := e.Request.text("account"), e.Request.text("name")
	return a.commit(ctx, e, func(rec *audit.Record) (p proposal, err error) {
		rec.Request = audit.Detail{audit.String("account", account), audit.String("name", name)}
		m, ver, err := record.Read[recordpb.Certificate](ctx, a.Book, record.OfCertificateName(account, name))
		if err != nil || m == nil {
			return p, err
		}
		_, of, err := record.Read[recordpb.Certificate](ctx, a.Book, record.OfCertificate(m.Spki))
		if err != nil {
			return p, err
		}
		p.change = a.Book.Change()
		p.change.Remove(record.OfCertificateName(account, name), ver)
		p.change.Remove(record.OfCertificate(m.Spki), of)
		return p, nil
	})
}
