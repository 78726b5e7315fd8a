package sender_test

import (
	"encoding/base64"
	"net/http/httptest"
	"testing"

	"example.com/evident/intake/sender"
)

func TestOf(t *testing.T) {
	f := func(authorization, want string, schemes ...string) {
		t.Helper()
		r := httptest.NewRequest("POST", "http://evident.example:8080/", nil)
		r.Header.Set("Authorization", authorization)
		c := sender.Of(r, schemes...)
		if c.Token != want || c.Host != "evident.example:8080" || c.Remote != r.RemoteAddr {
			t.Errorf("%q: %+v, want %q", authorization, c, want)
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte("any:evk_x"))
	f("", "", "Bearer")
	f("Bearer evk_x", "evk_x", "Bearer")
	f(" bearer  evk_x ", "evk_x", "Splunk", "Bearer")
	f("Bearer evk_x", "", "Splunk", "Basic")
	f("Basic "+encoded, "evk_x", "Basic")
	f("Basic hello", "", "Basic")
	f("ApiKey "+encoded, "evk_x", "ApiKey")
	f("ApiKey evk_x", "evk_x", "ApiKey")
}
