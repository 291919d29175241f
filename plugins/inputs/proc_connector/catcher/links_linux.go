package catcher

import "sync/atomic"

// ReadLinks says whether exe and cwd are to be read, which they are from the
// start. It may be called at any time, and holds for the next exec. There may be
// no Catchers.
func (c *Catchers) ReadLinks(read bool) {
	if c == nil {
		return
	}
	var without uint32
	if !read {
		without = 1
	}
	for _, o := range c.all {
		atomic.StoreUint32(&o.loop.withoutLinks, without)
	}
}
