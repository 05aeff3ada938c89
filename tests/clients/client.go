// Consul's Go library against a livezone. Arguments: its addresses for DNS and HTTP.
//
// client.py takes the same steps.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	name = "go-web"
	soon = 10 * time.Second
	beat = "service:go-2"
)

var (
	one  = []string{"127.0.0.2"}
	two  = []string{"127.0.0.3"}
	both = []string{"127.0.0.2", "127.0.0.3"}
	none = []string{}
)

func must(step string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", step, err)
	}
}

// refused wants an error with this status and these words.
func refused(step string, err error, words string) {
	status, ok := err.(api.StatusError)
	if !ok || status.Code != http.StatusNotFound || !strings.Contains(status.Body, words) {
		log.Fatalf("%s: %v", step, err)
	}
	fmt.Printf("ok: %s: %v\n", step, err)
}

func same(step string, seen, wanted interface{}) {
	if !reflect.DeepEqual(seen, wanted) {
		log.Fatalf("%s: %v, not %v", step, seen, wanted)
	}
	fmt.Printf("ok: %s: %v\n", step, seen)
}

// dig gives the status of the response, and the data of its answer section.
func dig(name, rtype string) (string, []string) {
	host, port, err := net.SplitHostPort(os.Args[1])
	must("the address for DNS", err)
	flags := []string{"+noall", "+comments", "+answer", "+time=2", "+tries=1"}
	asked := []string{"@" + host, "-p", port, name + ".service.internal.", rtype}
	text, err := exec.Command("dig", append(flags, asked...)...).Output()
	must("dig", err)
	status, records := "", []string{}
	for _, line := range strings.Split(string(text), "\n") {
		if _, after, found := strings.Cut(line, "status: "); found {
			status, _, _ = strings.Cut(after, ",")
		}
		if fields := strings.Fields(line); len(fields) > 4 && !strings.HasPrefix(line, ";") {
			records = append(records, strings.Join(fields[4:], " "))
		}
	}
	sort.Strings(records)
	return status, records
}

type question struct{ name, rtype string }

var addresses = question{name, "A"}

// sees fails if dig does not see these answers in time; without a time, the first counts.
func sees(step string, asked question, within time.Duration, wanted []string) {
	answers(step, asked, within, "NOERROR", wanted)
}

func answers(step string, asked question, within time.Duration, wanted string, data []string) {
	deadline := time.Now().Add(within)
	for {
		status, records := dig(asked.name, asked.rtype)
		if status == wanted && reflect.DeepEqual(records, data) {
			fmt.Printf("ok: %s: %s %s: %s %v\n", step, asked.name, asked.rtype, status, records)
			return
		}
		if !time.Now().Before(deadline) {
			log.Fatalf("%s: %s %s: %s %v, not %v", step, asked.name, asked.rtype, status, records, data)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func starts(client *api.Client) {
	self, err := client.Agent().Self()
	must("self", err)
	same("a version", self["Config"]["Version"] != "", true)
	members, err := client.Agent().Members(false)
	must("members", err)
	same("one server", len(members), 1)
	leader, err := client.Status().Leader()
	must("leader", err)
	same("a leader", leader != "", true)
}

func registers(agent *api.Agent, port int) {
	must("register", agent.ServiceRegister(&api.AgentServiceRegistration{
		ID: "go-1", Name: name, Address: "127.0.0.2", Port: port, Tags: []string{"v1"},
		Meta: map[string]string{"livezone-ttl": "1s"},
		Check: &api.AgentServiceCheck{
			HTTP: fmt.Sprintf("http://127.0.0.2:%d/", port), Interval: "1s", Timeout: "1s",
			DeregisterCriticalServiceAfter: "1m",
		},
	}))
	sees("the first outcome of an HTTP check", addresses, soon, one)
	must("register", agent.ServiceRegister(&api.AgentServiceRegistration{
		ID: "go-2", Name: name, Address: "127.0.0.3", Port: 81, Tags: []string{"v2"},
		Meta:  map[string]string{"a": "b"},
		Check: &api.AgentServiceCheck{TTL: "30s"},
	}))
	sees("no heartbeat yet", addresses, 0, one)
	sees("by tag", question{"v2." + name, "A"}, 0, none)
	target := fmt.Sprintf("0 1 %d go-1.%s.service.internal.", port, name)
	sees("with its port", question{"_" + name + "._tcp", "SRV"}, 0, []string{target})
}

func said(agent *api.Agent, id string) string {
	checks, err := agent.Checks()
	must("checks", err)
	return checks[id].Status + " " + checks[id].Output
}

func beats(agent *api.Agent) {
	must("pass", agent.PassTTL(beat, "well"))
	sees("pass", addresses, 0, both)
	same("pass", said(agent, beat), "passing well")
	must("warn", agent.WarnTTL(beat, "hot"))
	sees("warn", addresses, 0, both)
	same("warn", said(agent, beat), "warning hot")
	must("fail", agent.FailTTL(beat, "broken"))
	sees("fail", addresses, 0, one)
	same("fail", said(agent, beat), "critical broken")
	must("update", agent.UpdateTTL(beat, "again", api.HealthPassing))
	sees("update", addresses, 0, both)
	same("update", said(agent, beat), "passing again")
	must("register a check", agent.CheckRegister(&api.AgentCheckRegistration{
		ID: "go-short", Name: "short", ServiceID: "go-2",
		AgentServiceCheck: api.AgentServiceCheck{TTL: "1s"},
	}))
	sees("a second check counts from its first heartbeat", addresses, 0, both)
	must("pass", agent.UpdateTTL("go-short", "", api.HealthPassing))
	sees("a second check passes", addresses, 0, both)
	sees("its TTL is over", addresses, soon, one)
	same("its TTL is over", strings.Contains(said(agent, "go-short"), "TTL expired"), true)
	must("deregister a check", agent.CheckDeregister("go-short"))
	sees("the second check is gone", addresses, 0, both)
	gone := agent.UpdateTTL("go-short", "", api.HealthPassing)
	refused("a heartbeat for no check", gone, `CheckID "go-short" does not have associated TTL`)
}

func lists(agent *api.Agent, port int) {
	services, err := agent.ServicesWithFilter("")
	must("services", err)
	ids := []string{}
	for id, service := range services {
		if service.Service == name {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	same("listed", ids, []string{"go-1", "go-2"})
	web := services["go-1"]
	same("as it was written", []interface{}{web.Tags, web.Meta, web.Address, web.Port},
		[]interface{}{[]string{"v1"}, map[string]string{"livezone-ttl": "1s"}, "127.0.0.2", port})
	alone, _, err := agent.Service("go-2", nil)
	must("read alone", err)
	same("read alone", alone.Meta, map[string]string{"a": "b"})
	health, _, err := agent.AgentHealthServiceByID("go-2")
	must("health", err)
	same("health", health, api.HealthPassing)
}

func discovers(client *api.Client) {
	entries, meta, err := client.Health().Service(name, "", true, nil)
	must("health", err)
	same("health", []string{entries[0].Service.ID, entries[1].Service.ID}, []string{"go-1", "go-2"})
	all, _, err := client.Catalog().Services(nil)
	must("the catalog", err)
	same("the catalog", all[name], []string{"v1", "v2"})
	found := make(chan []*api.ServiceEntry)
	go func() {
		wait := &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 30 * time.Second}
		entries, _, err := client.Health().Service(name, "", true, wait)
		must("watched", err)
		found <- entries
	}()
	must("maintenance", client.Agent().EnableServiceMaintenance("go-2", "watched"))
	watched := <-found
	same("watched", len(watched), 1)
	same("watched", watched[0].Service.ID, "go-1")
	must("maintenance", client.Agent().DisableServiceMaintenance("go-2"))
}

func maintains(agent *api.Agent) {
	must("maintenance", agent.EnableServiceMaintenance("go-2", "disk"))
	sees("maintenance", addresses, 0, one)
	must("maintenance", agent.DisableServiceMaintenance("go-2"))
	sees("maintenance is over", addresses, 0, both)
}

func drains(agent *api.Agent) {
	at := url.URL{Scheme: "http", Host: os.Args[2], Path: "/v1/livezone/drain/" + name + "/go-1"}
	at.RawQuery = "reason=moves"
	request, err := http.NewRequest(http.MethodPut, at.String(), nil)
	must("drain", err)
	response, err := http.DefaultClient.Do(request)
	must("drain", err)
	response.Body.Close()
	same("drain", response.StatusCode, http.StatusOK)
	sees("drained", addresses, 0, two)
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, _, err = agent.Service("go-1", nil); err != nil {
			break
		}
	}
	refused("drained to the end", err, "unknown service ID: go-1")
}

func deregisters(agent *api.Agent) {
	must("deregister", agent.ServiceDeregister("go-2"))
	answers("deregistered", addresses, 0, "NXDOMAIN", none)
	refused("deregistered twice", agent.ServiceDeregister("go-2"), `Unknown service ID "go-2"`)
}

func main() {
	log.SetFlags(0)
	status := int32(http.StatusOK)
	backend := httptest.NewUnstartedServer(http.HandlerFunc(
		func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(int(atomic.LoadInt32(&status)))
		}))
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	must("the backend", err)
	backend.Listener = listener
	backend.Start()
	port := listener.Addr().(*net.TCPAddr).Port
	client, err := api.NewClient(&api.Config{Address: os.Args[2]})
	must("the client", err)
	agent := client.Agent()
	starts(client)
	registers(agent, port)
	beats(agent)
	atomic.StoreInt32(&status, http.StatusInternalServerError)
	sees("the backend fails", addresses, soon, two)
	atomic.StoreInt32(&status, http.StatusOK)
	sees("the backend is well", addresses, soon, both)
	lists(agent, port)
	discovers(client)
	maintains(agent)
	drains(agent)
	deregisters(agent)
}
