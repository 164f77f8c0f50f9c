package synapsetest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"

	"vertigo/transports/matrix/hometest"
)

const host = "127.0.0.1"

func (s *synapse) configFile() string { return filepath.Join(s.dir, "homeserver.yaml") }
func (s *synapse) logFile() string    { return filepath.Join(s.dir, "homeserver.log") }
func (s *synapse) launcher() string   { return filepath.Join(s.dir, "launch.py") }

// prepare writes what does not change from start to start.
func (s *synapse) prepare() error {
	var seed [32]byte
	rand.Read(seed[:])
	key := "ed25519 a_test " + base64.RawStdEncoding.EncodeToString(seed[:]) + "\n"
	if err := os.WriteFile(filepath.Join(s.dir, "signing.key"), []byte(key), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.launcher(), launcher, 0o600); err != nil {
		return err
	}
	return writeYAML(filepath.Join(s.dir, "log.yaml"), map[string]any{
		"version":    1,
		"formatters": map[string]any{"line": map[string]any{"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
		"handlers": map[string]any{"file": map[string]any{
			"class": "logging.FileHandler", "filename": s.logFile(), "formatter": "line",
		}},
		"root":                     map[string]any{"level": "WARNING", "handlers": []string{"file"}},
		"disable_existing_loggers": false,
	})
}

// configure writes the configuration for that port.
func (s *synapse) configure(port int) error {
	off := map[string]any{"enabled": false}
	config := map[string]any{
		"server_name": hometest.ServerName,
		"listeners": []any{map[string]any{
			"port": port, "bind_addresses": []string{host}, "type": "http", "tls": false,
			"resources": []any{map[string]any{"names": []string{"client"}}},
		}},
		"database": map[string]any{
			"name": "sqlite3", "args": map[string]any{"database": filepath.Join(s.dir, "homeserver.db")},
		},
		"log_config":                      filepath.Join(s.dir, "log.yaml"),
		"signing_key_path":                filepath.Join(s.dir, "signing.key"),
		"registration_shared_secret":      s.secret,
		"macaroon_secret_key":             s.secret,
		"app_service_config_files":        s.registrations,
		"bcrypt_rounds":                   4,
		"trusted_key_servers":             []any{},
		"federation_domain_whitelist":     []any{},
		"enable_media_repo":               false,
		"report_stats":                    false,
		"presence":                        off,
		"stats":                           off,
		"user_directory":                  off,
		"suppress_key_server_warning":     true,
		"delete_stale_devices_after":      nil,
		"forgotten_room_retention_period": nil,
	}
	if !s.limited {
		for name, limit := range unlimited {
			config[name] = limit
		}
	}
	return writeYAML(s.configFile(), config)
}

// unlimited are Synapse's rate limits, out of reach.
var unlimited = func() map[string]any {
	type limit map[string]any
	high := limit{"per_second": 1e6, "burst_count": 1e6}
	return map[string]any{
		"rc_message": high, "rc_registration": high, "rc_admin_redaction": high, "rc_joins_per_room": high,
		"rc_3pid_validation": high, "rc_room_creation": high, "rc_profile": high, "rc_key_requests": high,
		"rc_delayed_event_mgmt": high, "rc_reports": high, "rc_user_directory": high,
		"rc_login":   limit{"address": high, "account": high, "failed_attempts": high},
		"rc_joins":   limit{"local": high, "remote": high},
		"rc_invites": limit{"per_room": high, "per_user": high, "per_issuer": high},
	}
}()

// writeYAML writes v as JSON, which YAML takes.
func writeYAML(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}
