package operator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"minimint/actors/gateway/operator"
)

// gateway is an operator.Operator that keeps what it was told last.
type gateway struct {
	got any
	err error
}

// Info implements operator.Operator.
func (g *gateway) Info(context.Context) (operator.Info, error) {
	return operator.Info{Network: "simnet", Federations: []operator.Federation{{ID: "ab", Send: operator.Fee{BaseMsat: 7, PPM: 9}}}}, g.err
}

// Payments implements operator.Operator.
func (g *gateway) Payments(_ context.Context, p operator.Page) ([]operator.Payment, error) {
	g.got = p
	return []operator.Payment{{Number: 3, State: "claimed", AmountMsat: 5}}, g.err
}

// Connect implements operator.Operator.
func (g *gateway) Connect(_ context.Context, c operator.Connect) (operator.Federation, error) {
	g.got = c
	return operator.Federation{ID: "ab"}, g.err
}

// Set implements operator.Operator.
func (g *gateway) Set(_ context.Context, s operator.Settings) (operator.Federation, error) {
	g.got = s
	return operator.Federation{ID: "ab"}, g.err
}

// Deposit implements operator.Operator.
func (g *gateway) Deposit(_ context.Context, d operator.Deposit) (operator.Deposited, error) {
	g.got = d
	return operator.Deposited{Address: "sb1q", Operation: 1}, g.err
}

// Withdraw implements operator.Operator.
func (g *gateway) Withdraw(_ context.Context, w operator.Withdraw) (operator.Withdrawn, error) {
	g.got = w
	return operator.Withdrawn{Operation: 2}, g.err
}

const token = "a token of an operator"

func serve(t *testing.T, token string) (*gateway, *httptest.Server) {
	g := &gateway{}
	s := httptest.NewServer(operator.Handler(g, token))
	t.Cleanup(s.Close)
	return g, s
}

// What an operator says somewhere else arrives, and the answers come back.
func TestRemote(t *testing.T) {
	g, s := serve(t, token)
	r := &operator.Remote{URL: s.URL, Token: token, HTTP: s.Client()}
	ctx := t.Context()
	if info, err := r.Info(ctx); err != nil || info.Federations[0].Send != (operator.Fee{BaseMsat: 7, PPM: 9}) {
		t.Errorf("info %+v, %v", info, err)
	}
	if list, err := r.Payments(ctx, operator.Page{Limit: 4, After: 9}); err != nil || len(list) != 1 || list[0].Number != 3 || g.got != (operator.Page{Limit: 4, After: 9}) {
		t.Errorf("payments %+v, %v of %v", list, err, g.got)
	}
	if f, err := r.Connect(ctx, operator.Connect{Invite: "i", Words: "w"}); err != nil || f.ID != "ab" || g.got != (operator.Connect{Invite: "i", Words: "w"}) {
		t.Errorf("connect %v of %v", err, g.got)
	}
	if _, err := r.Set(ctx, operator.Settings{Federation: "ab", Limits: &operator.Limits{PaymentMsat: 4}}); err != nil || g.got.(operator.Settings).Limits.PaymentMsat != 4 || g.got.(operator.Settings).Send != nil {
		t.Errorf("settings %v of %v", err, g.got)
	}
	if d, err := r.Deposit(ctx, operator.Deposit{Federation: "ab"}); err != nil || d.Address != "sb1q" {
		t.Errorf("deposit %+v, %v", d, err)
	}
	if w, err := r.Withdraw(ctx, operator.Withdraw{Address: "x", Sats: 8, LimitSats: 9}); err != nil || w.Operation != 2 || g.got != (operator.Withdraw{Address: "x", Sats: 8, LimitSats: 9}) {
		t.Errorf("withdraw %+v, %v of %v", w, err, g.got)
	}
}

// H85: what cannot be done is an error with its reason, whoever is to blame.
func TestH85Errors(t *testing.T) {
	g, s := serve(t, token)
	r := &operator.Remote{URL: s.URL, Token: token, HTTP: s.Client()}
	for _, c := range []struct {
		err    error
		status int
	}{{operator.Input("no such address"), http.StatusBadRequest}, {errors.New("the federation has no coins for it now"), http.StatusInternalServerError}} {
		g.err = c.err
		_, err := r.Withdraw(t.Context(), operator.Withdraw{})
		var p *operator.Problem
		if !errors.As(err, &p) || p.Status != c.status || p.Text != c.err.Error() {
			t.Errorf("%v", err)
		}
	}
	for _, body := range []string{"", "{", `{"unknown": 1}`, `{"sats": -1}`, `{"sats": "x"}`} {
		request, _ := http.NewRequest(http.MethodPost, s.URL+operator.Prefix+"withdraw", strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+token)
		if response, err := s.Client().Do(request); err != nil || response.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %v, %v", body, response.StatusCode, err)
		}
	}
}

// H90: nobody is an operator without the token.
func TestH90OnlyWithTheToken(t *testing.T) {
	g, s := serve(t, token)
	for _, shown := range []string{"", "Bearer", "Bearer ", "Bearer " + token[1:], "Bearer " + token + "x", "bearer " + token, "Basic " + token} {
		for _, path := range []string{"info", "withdraw", "nothing"} {
			request, _ := http.NewRequest(http.MethodPost, s.URL+operator.Prefix+path, strings.NewReader("{}"))
			request.Header.Set("Authorization", shown)
			if response, err := s.Client().Do(request); err != nil || response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %q: %v, %v", path, shown, response.StatusCode, err)
			}
		}
	}
	if g.got != nil {
		t.Error("somebody was served")
	}
	_, open := serve(t, "")
	if _, err := (&operator.Remote{URL: open.URL, HTTP: open.Client()}).Info(t.Context()); err == nil {
		t.Error("an empty token is one")
	}
}

// Token and seed words are for the address that was named, so nothing follows whoever points
// elsewhere, also to another port of that host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		shown := false
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { shown = true }))
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		t.Cleanup(elsewhere.Close)
		t.Cleanup(s.Close)
		for _, client := range []*http.Client{s.Client(), nil} {
			r := &operator.Remote{URL: s.URL, Token: token, HTTP: client}
			_, err1 := r.Info(t.Context())
			_, err2 := r.Connect(t.Context(), operator.Connect{Words: "w"})
			for _, err := range []error{err1, err2} {
				var p *operator.Problem
				if shown || !errors.As(err, &p) || p.Status != status {
					t.Errorf("%d: elsewhere was asked: %v; %v", status, shown, err)
				}
			}
			if client != nil && client.CheckRedirect != nil {
				t.Error("the caller's client has changed")
			}
		}
	}
}
