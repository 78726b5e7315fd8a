package api

import (
	"context"
	"errors"
	"net/http"

	"example.com/evident/intake/acts"
	"example.com/evident/state"
)

// act records what the caller does in Evident.
func (a *API) act(ctx context.Context, act state.Act) error {
	act.Actor = callerOf(ctx).Actor
	_, err := a.book.Record(ctx, act)
	var refused *acts.Refused
	if errors.As(err, &refused) {
		return refuse(http.StatusUnprocessableEntity, refused.Error())
	}
	return err
}
