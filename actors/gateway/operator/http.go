package operator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Prefix is the path under which an operator is answered.
const Prefix = "/operator/v1/"

// maxBody bounds a request, maxAnswer what Remote reads, in bytes.
const (
	maxBody   = 64 << 10
	maxAnswer = 8 << 20
)

// An InputError is an error that the operator can mend: something that was asked for does
// not make sense. Over HTTP it is a 400, all others are a 500.
type InputError struct{ Err error }

// Error implements error.
func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Input makes an InputError.
func Input(format string, args ...any) error { return &InputError{fmt.Errorf(format, args...)} }

// Handler serves an operator who shows token. An empty token is no token: nobody can show
// it.
func Handler(op Operator, token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Prefix+"info", func(w http.ResponseWriter, r *http.Request) {
		out, err := op.Info(r.Context())
		answer(w, out, err)
	})
	mux.HandleFunc("GET "+Prefix+"payments", func(w http.ResponseWriter, r *http.Request) {
		page, err := pageOf(r.URL.Query())
		if err != nil {
			answer(w, nil, err)
			return
		}
		out, err := op.Payments(r.Context(), page)
		if out == nil {
			out = []Payment{}
		}
		answer(w, out, err)
	})
	post(mux, "connect", op.Connect)
	post(mux, "settings", op.Set)
	post(mux, "deposit", op.Deposit)
	post(mux, "withdraw", op.Withdraw)
	return guard(token, mux)
}

func pageOf(q url.Values) (Page, error) {
	var p Page
	var err1, err2 error
	if s := q.Get("limit"); s != "" {
		p.Limit, err1 = strconv.Atoi(s)
	}
	if s := q.Get("after"); s != "" {
		p.After, err2 = strconv.ParseUint(s, 10, 64)
	}
	if err1 != nil || err2 != nil || p.Limit < 0 {
		return Page{}, Input("limit and after are numbers")
	}
	return p, nil
}

func post[In, Out any](mux *http.ServeMux, name string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST "+Prefix+name, func(w http.ResponseWriter, r *http.Request) {
		var in In
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			answer(w, nil, Input("request: %w", err))
			return
		}
		out, err := do(r.Context(), in)
		answer(w, out, err)
	})
}

// guard lets those through who show the token. Both sides are hashed, so how long the
// comparison takes tells nothing, nor does the length.
func guard(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(shown))
		if token == "" || !bearer || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem(w, http.StatusUnauthorized, "show the operator's token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, out any, err error) {
	var input *InputError
	switch {
	case errors.As(err, &input):
		problem(w, http.StatusBadRequest, err.Error())
	case err != nil:
		problem(w, http.StatusInternalServerError, err.Error())
	default:
		write(w, http.StatusOK, out)
	}
}

func problem(w http.ResponseWriter, status int, text string) {
	write(w, status, &Problem{Status: status, Text: text})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a caller that has gone asks again
}

// Remote is a gateway somewhere else. It implements Operator.
type Remote struct {
	URL, Token string
	HTTP       *http.Client // nil: one with the default transport; CheckRedirect is not used
}

var _ Operator = (*Remote)(nil)

// Info implements Operator.
func (r *Remote) Info(ctx context.Context) (out Info, err error) {
	return out, r.call(ctx, http.MethodGet, "info", nil, &out)
}

// Payments implements Operator.
func (r *Remote) Payments(ctx context.Context, p Page) (out []Payment, err error) {
	q := url.Values{"limit": {strconv.Itoa(p.Limit)}, "after": {strconv.FormatUint(p.After, 10)}}
	return out, r.call(ctx, http.MethodGet, "payments?"+q.Encode(), nil, &out)
}

// Connect implements Operator.
func (r *Remote) Connect(ctx context.Context, c Connect) (out Federation, err error) {
	return out, r.call(ctx, http.MethodPost, "connect", c, &out)
}

// Set implements Operator.
func (r *Remote) Set(ctx context.Context, s Settings) (out Federation, err error) {
	return out, r.call(ctx, http.MethodPost, "settings", s, &out)
}

// Deposit implements Operator.
func (r *Remote) Deposit(ctx context.Context, d Deposit) (out Deposited, err error) {
	return out, r.call(ctx, http.MethodPost, "deposit", d, &out)
}

// Withdraw implements Operator.
func (r *Remote) Withdraw(ctx context.Context, w Withdraw) (out Withdrawn, err error) {
	return out, r.call(ctx, http.MethodPost, "withdraw", w, &out)
}

// client follows no redirect: token and seed words are for the address that was named, and a
// redirect, which comes back as a *Problem, may lead anywhere.
func (r *Remote) client() *http.Client {
	client := http.Client{}
	if r.HTTP != nil {
		client = *r.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// call returns a *Problem for an answer that is one.
func (r *Remote) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("operator: request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.URL, "/")+Prefix+path, body)
	if err != nil {
		return fmt.Errorf("operator: request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+r.Token)
	response, err := r.client().Do(request)
	if err != nil {
		return fmt.Errorf("ask the gateway: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	d := json.NewDecoder(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode != http.StatusOK {
		p := &Problem{Status: response.StatusCode}
		if err := d.Decode(p); err != nil || p.Text == "" {
			p.Text = "the gateway answers " + response.Status
		}
		return p
	}
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("the gateway's answer: %w", err)
	}
	return nil
}
