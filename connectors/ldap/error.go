package ldap

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// lockedOut is how long the server is left alone after it refused our password or
// hid what is ours: every account's work runs into that, and none is at fault.
const lockedOut = time.Minute

// kinds says what may be done about a result. What is not listed was about what
// was asked, and asking again is no help.
var kinds = map[uint16]connectors.Kind{
	ldap.ErrorNetwork:                 connectors.Transient,
	ldap.LDAPResultOperationsError:    connectors.Transient,
	ldap.LDAPResultTimeLimitExceeded:  connectors.Transient,
	ldap.LDAPResultAdminLimitExceeded: connectors.Transient,
	ldap.LDAPResultBusy:               connectors.Transient,
	ldap.LDAPResultUnavailable:        connectors.Transient,
	ldap.LDAPResultOther:              connectors.Transient,
	ldap.LDAPResultServerDown:         connectors.Transient,
	ldap.LDAPResultTimeout:            connectors.Transient,
	ldap.LDAPResultConnectError:       connectors.Transient,
	ldap.LDAPResultNoSuchObject:       connectors.Gone,
	ldap.LDAPResultEntryAlreadyExists: connectors.Exists,
}

// failure returns the error of a request as the bridge understands it.
func failure(ctx context.Context, request string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", request, ctx.Err())
	}
	err = fmt.Errorf("%s: %w", request, err)
	result, ok := errors.AsType[*ldap.Error](err)
	if !ok {
		return &connectors.Error{Kind: connectors.Transient, Err: err} // of the connection
	}
	kind, listed := kinds[result.ResultCode]
	if !listed {
		kind = connectors.Permanent
	}
	return &connectors.Error{Kind: kind, Code: code(result.ResultCode), Err: err}
}

// unreachable returns the error of not getting as far as to ask anything. It is
// about us and the server and not about an account, so that it is tried again,
// whatever it is; and less often where the server let us know that it will not.
func unreachable(ctx context.Context, err error) error {
	err = failure(ctx, "connect", err)
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		e.Kind = connectors.Transient
		if e.Code != "" {
			e.After = lockedOut
		}
	}
	return err
}

func code(result uint16) string {
	if result == ldap.ErrorNetwork {
		return ""
	}
	return strconv.Itoa(int(result))
}

// is reports whether the error is the server's result.
func is(err error, results ...uint16) bool { return ldap.IsErrorAnyOf(err, results...) }

func refused(kind connectors.Kind, format string, args ...any) error {
	return &connectors.Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}
