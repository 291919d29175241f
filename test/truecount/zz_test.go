package truecount_test
import ("testing";"time";"github.com/proc-connector/telegraf-proc-connector/test/truecount")
func TestZ(t *testing.T){ r,_:=truecount.Open(); last:=int32(-1000); for s:=time.Now(); time.Since(s)<20*time.Second; { n,_:=r.Read(); if n!=last {t.Log(time.Since(s), n); last=n}; time.Sleep(200*time.Microsecond)} }
