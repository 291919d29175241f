package bench

import (
	"context"
	"strings"
)

type load struct{}

func (b *bench) scale(ctx context.Context) ([]*load, error) { return nil, nil }
func writeScale(out *strings.Builder, loads []*load)        {}
