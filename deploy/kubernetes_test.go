package deploy_test

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	workload = "kubernetes/longwire.yaml"
	pod      = "spec.template.spec."
)

func TestThreeReplicasThatNobodyDials(t *testing.T) {
	set := find(t, workload, "StatefulSet", "longwire")
	set.want(t, "spec.replicas", 3)
	set.want(t, pod+"containers.0.ports", nil)
	set.want(t, pod+"containers.1", nil)
	set.want(t, pod+"hostNetwork", nil)
	set.want(t, pod+"topologySpreadConstraints.0.topologyKey", "kubernetes.io/hostname")
	for _, d := range documents(t, workload) {
		if d["kind"] == "Service" || d["kind"] == "Ingress" {
			t.Errorf("there is a %v", d["kind"])
		}
	}
	budget := find(t, workload, "PodDisruptionBudget", "longwire")
	budget.want(t, "spec.maxUnavailable", 1)
	if !same(budget.at("spec.selector"), set.at("spec.selector")) {
		t.Error("the disruption budget is for other pods")
	}
	if !same(set.at("spec.selector.matchLabels"), set.at("spec.template.metadata.labels")) {
		t.Error("the pods are not those of the set")
	}
}

// The restricted profile of the pod security standards, point by point, and no token.
func TestPodsAreRestricted(t *testing.T) {
	find(t, "kubernetes/namespace.yaml", "Namespace", "longwire").
		want(t, "metadata.labels", map[string]string{
			"pod-security.kubernetes.io/enforce":         "restricted",
			"pod-security.kubernetes.io/enforce-version": "latest",
		})
	find(t, workload, "ServiceAccount", "longwire").want(t, "automountServiceAccountToken", false)
	for path, name := range map[string]string{workload: "longwire", "kubernetes/redis.yaml": "redis"} {
		set := find(t, path, "StatefulSet", name)
		set.want(t, pod+"automountServiceAccountToken", false)
		set.want(t, pod+"securityContext.runAsNonRoot", true)
		set.want(t, pod+"securityContext.seccompProfile.type", "RuntimeDefault")
		set.want(t, pod+"containers.0.securityContext", map[string]any{
			"allowPrivilegeEscalation": false,
			"readOnlyRootFilesystem":   true,
			"capabilities":             map[string]any{"drop": []string{"ALL"}},
		})
		if set.at(pod+"containers.0.resources.limits.memory") == nil {
			t.Errorf("%s has no memory limit", name)
		}
	}
}

// What Longwire took in while Redis was away must outlive its pod.
func TestTheSpoolOutlivesThePod(t *testing.T) {
	set := find(t, workload, "StatefulSet", "longwire")
	set.want(t, pod+"containers.0.volumeMounts.0", map[string]any{"name": "data", "mountPath": "/data"})
	set.want(t, "spec.volumeClaimTemplates.0.metadata.name", "data")
	text, ok := find(t, workload, "ConfigMap", "longwire").at("data").(map[string]any)["config.yaml"].(string)
	if !ok {
		t.Fatal("there is no config.yaml")
	}
	cfg := loads(t, text)
	checkShared(t, cfg)
	if grace := set.at(pod + "terminationGracePeriodSeconds").(int); grace <= int(cfg.Shutdown.Seconds()) {
		t.Errorf("killed after %d s, while turns may run for %v", grace, cfg.Shutdown)
	}
}

// A platform that is away makes a replica unready, and restarts nothing.
func TestProbesAskTheProgramItself(t *testing.T) {
	set := find(t, workload, "StatefulSet", "longwire")
	for probe, command := range map[string][]string{
		"startupProbe":   {"/longwire", "health", "--live"},
		"livenessProbe":  {"/longwire", "health", "--live"},
		"readinessProbe": {"/longwire", "health"},
	} {
		set.want(t, pod+"containers.0."+probe+".exec.command", command)
	}
	find(t, workload, "PodDisruptionBudget", "longwire").want(t, "spec.unhealthyPodEvictionPolicy", "AlwaysAllow")
}

func TestNoIngressAtAll(t *testing.T) {
	closed := find(t, "kubernetes/network.yaml", "NetworkPolicy", "closed")
	closed.want(t, "spec", map[string]any{"podSelector": map[string]any{}, "policyTypes": []string{"Ingress", "Egress"}})
	policy := find(t, "kubernetes/network.yaml", "NetworkPolicy", "longwire")
	policy.want(t, "spec.podSelector.matchLabels", find(t, workload, "StatefulSet", "longwire").at("spec.template.metadata.labels"))
	policy.want(t, "spec.policyTypes", []string{"Ingress", "Egress"})
	policy.want(t, "spec.ingress", []any{})
	var ports []any
	for _, rule := range policy.at("spec.egress").([]any) {
		if rule.(map[string]any)["to"] == nil {
			t.Error("a rule of the way out is for everybody")
		}
		for _, port := range rule.(map[string]any)["ports"].([]any) {
			ports = append(ports, port.(map[string]any)["port"])
		}
	}
	if !same(ports, []int{53, 53, 443, 6379}) {
		t.Errorf("the ways out are %v", ports)
	}
	redis := find(t, "kubernetes/redis.yaml", "NetworkPolicy", "redis")
	redis.want(t, "spec.ingress.0.from", []any{map[string]any{"podSelector": policy.at("spec.podSelector")}})
	redis.want(t, "spec.ingress.1", nil)
	redis.want(t, "spec.egress", []any{})
}

// Every file is applied, but for the secrets, which are the operator's.
func TestKustomizationHasEveryFile(t *testing.T) {
	list := documents(t, "kubernetes/kustomization.yaml")[0]
	listed := map[any]bool{"kustomization.yaml": true, "secret.example.yaml": true}
	for _, name := range list.at("resources").([]any) {
		listed[name] = true
		if _, err := os.Stat(filepath.Join("kubernetes", name.(string))); err != nil {
			t.Error(err)
		}
	}
	files, err := filepath.Glob("kubernetes/*")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if !listed[filepath.Base(file)] {
			t.Errorf("%s is not applied", file)
		}
	}
}

// The keys of the example secret are those that the configuration asks for.
func TestSecretHasWhatTheConfigurationNames(t *testing.T) {
	secret := find(t, "kubernetes/secret.example.yaml", "Secret", "longwire").at("stringData").(map[string]any)
	text := find(t, workload, "ConfigMap", "longwire").at("data").(map[string]any)["config.yaml"].(string)
	names := references(text)
	if len(names) != len(secret) {
		t.Errorf("%d keys, %d references", len(secret), len(names))
	}
	for _, name := range names {
		if secret[name] == nil {
			t.Errorf("the secret has no %s", name)
		}
	}
}
