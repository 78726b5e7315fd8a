package bulk

import (
	"net/http"
	"strings"
)

// cluster is what the server calls itself towards these clients.
const cluster = "evident"

// clusterUUID has the form that Elasticsearch's have.
const clusterUUID = "evident-audit-trail-00"

type object = map[string]any

// ask answers what clients ask before they send. Whatever they set up is
// acknowledged, and has no effect.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, parts []string) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	writes := r.Method == http.MethodPut || r.Method == http.MethodPost
	switch first := parts[0]; {
	case first == "" && reads:
		sendJSON(w, http.StatusOK, h.info())
	case first == "":
		notAllowed(w, "GET, HEAD")
	case reads && first[0] == '_':
		if answer := known(parts); answer != nil {
			sendJSON(w, http.StatusOK, answer)
			return
		}
		notFound(w, r)
	case writes && settable[first]:
		sendJSON(w, http.StatusOK, object{"acknowledged": true})
	case parts[len(parts)-1] == "_refresh" || parts[len(parts)-1] == "_flush":
		sendJSON(w, http.StatusOK, object{"_shards": object{"total": 1, "successful": 1, "failed": 0}})
	case first[0] != '_' && len(parts) == 1 && r.Method == http.MethodHead: // does the index exist?
		w.WriteHeader(http.StatusOK)
	case first[0] != '_' && len(parts) == 1 && r.Method == http.MethodPut: // make it
		sendJSON(w, http.StatusOK, object{"acknowledged": true, "shards_acknowledged": true, "index": first})
	default:
		notFound(w, r)
	}
}

// settable is what clients set up.
var settable = map[string]bool{
	"_ilm": true, "_index_template": true, "_component_template": true, "_template": true, "_ingest": true,
	"_data_stream": true, "_alias": true, "_aliases": true, "_slm": true,
}

// info is the answer by which clients know with whom they talk.
func (h *Handler) info() object {
	return object{
		"name": cluster, "cluster_name": cluster, "cluster_uuid": clusterUUID,
		"version": object{
			"number": h.cfg.Version, "build_flavor": "default", "build_type": "tar", "build_hash": "0000000000000000000000000000000000000000",
			"build_date": "2026-01-01T00:00:00.000000000Z", "build_snapshot": false, "lucene_version": "9.12.2",
			"minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
		},
		"tagline": "You Know, for Search",
	}
}

// known answers a question below a path that begins with an underscore; nil if
// it is none that clients ask.
func known(parts []string) any {
	license := object{"status": "active", "uid": clusterUUID, "type": "basic", "mode": "basic", "issued_to": cluster, "issuer": "elasticsearch", "start_date_in_millis": -1}
	name := parts[len(parts)-1]
	switch path := strings.Join(parts[:min(2, len(parts))], "/"); {
	case path == "_license", path == "_xpack/license":
		return object{"license": license}
	case path == "_xpack":
		return object{"build": object{}, "license": license, "features": object{"ilm": object{"available": true, "enabled": true}}, "tagline": "You know, for X"}
	case path == "_cluster/health":
		return object{"cluster_name": cluster, "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1}
	case path == "_cluster/state":
		return object{"cluster_name": cluster, "cluster_uuid": clusterUUID, "version": 1, "state_uuid": clusterUUID}
	case parts[0] == "_nodes":
		return object{"_nodes": object{"total": 0, "successful": 0, "failed": 0}, "cluster_name": cluster, "nodes": object{}}
	case path == "_ilm/policy" && len(parts) == 3:
		return object{name: object{"version": 1, "policy": object{"phases": object{}}}}
	case path == "_ingest/pipeline" && len(parts) == 3:
		return object{name: object{"processors": []any{}}}
	case path == "_ilm/policy", path == "_ingest/pipeline":
		return object{}
	case parts[0] == "_index_template":
		return object{"index_templates": []any{object{"name": name, "index_template": object{"index_patterns": []any{}}}}}
	case parts[0] == "_component_template":
		return object{"component_templates": []any{object{"name": name, "component_template": object{}}}}
	case parts[0] == "_data_stream":
		return object{"data_streams": []any{object{"name": name, "status": "GREEN"}}}
	case parts[0] == "_template", parts[0] == "_alias":
		return object{name: object{}}
	}
	return nil
}

func notFound(w http.ResponseWriter, r *http.Request) {
	sendError(w, &failure{status: http.StatusNotFound, kind: "illegal_argument_exception", reason: "no handler found for uri [" + r.URL.Path + "] and method [" + r.Method + "]; this server only takes documents, at _bulk"})
}
