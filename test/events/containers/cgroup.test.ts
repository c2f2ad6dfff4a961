import { describe, expect, it } from 'vitest';
import { containerOfCgroup, type RuntimeKind } from '../../../src/events/containers/cgroup.ts';

const ID = '3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e';
const OTHER = 'f'.repeat(64);
const UID = '12345678-9abc-def0-1234-56789abcdef0';
const UNIT_UID = UID.replaceAll('-', '_');

describe('a cgroup path tells the container', () => {
  it.each<[string, RuntimeKind | undefined, string?]>([
    [`/docker/${ID}`, 'docker'],
    [`/system.slice/docker-${ID}.scope`, 'docker'],
    [`/system.slice/docker-${ID}.scope/init.scope`, 'docker'],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`, 'docker'],
    [`/docker/${OTHER}/docker/${ID}`, 'docker'],
    [`/docker/${OTHER}/kubelet/kubepods/burstable/pod${UID}/${ID}`, undefined, UID],
    [`/machine.slice/libpod-${ID}.scope/container`, 'podman'],
    [`/libpod_parent/libpod-${ID}`, 'podman'],
    [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`, 'podman'],
    [`/kubepods/besteffort/pod${UID}/crio-${ID}`, 'cri-o', UID],
    [`/kubepods.slice/kubepods-pod${UNIT_UID}.slice/crio-${ID}.scope`, 'cri-o', UID],
    [
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UNIT_UID}.slice/cri-containerd-${ID}.scope`,
      'containerd',
      UID,
    ],
    [
      `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UNIT_UID}.slice/cri-containerd-${ID}.scope`,
      'containerd',
      UID,
    ],
    [
      `/system.slice/containerd.service/kubepods-burstable-pod${UNIT_UID}.slice:cri-containerd:${ID}`,
      'containerd',
      UID,
    ],
    [`/kubepods.slice/kubepods-pod${UNIT_UID}.slice/docker-${ID}.scope`, 'docker', UID],
    [`/kubepods/burstable/pod${UID}/${ID}`, undefined, UID],
    // The uid of a static pod is a hash.
    [`/kubepods/besteffort/pod${UID.replaceAll('-', '')}/${ID}`, undefined, UID.replaceAll('-', '')],
    [`/k8s.io/${ID}`, 'containerd'],
    [`/default/${ID}`, 'containerd'],
    [`/system.slice/nerdctl-${ID}.scope`, 'containerd'],
    [`/ecs/task/${ID}`, 'docker'],
    [`/ecs/cluster/task/${ID}`, 'docker'],
  ])('%s', (path, runtime, podUid) => {
    expect(containerOfCgroup(path)).toEqual({ id: ID, runtime, podUid });
  });

  it.each([
    ['/machine.slice/machine-build.scope', 'build', 'systemd-nspawn'],
    ['/machine.slice/machine-debian\\x2dtree.scope/payload', 'debian-tree', 'systemd-nspawn'],
    ['/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service', 'web', 'systemd-nspawn'],
    ['/lxc/web', 'web', 'lxc'],
    ['/lxc.payload.web/system.slice', 'web', 'lxc'],
    ['/lxc.payload/web', 'web', 'lxc'],
  ])('%s', (path, id, runtime) => {
    expect(containerOfCgroup(path)).toEqual({ id, runtime, podUid: undefined });
  });

  it('the innermost counts', () => {
    const path = `/machine.slice/machine-build.scope/payload/system.slice/docker-${ID}.scope`;
    expect(containerOfCgroup(path)).toMatchObject({ id: ID, runtime: 'docker' });
    expect(containerOfCgroup(`/docker/${ID}/lxc.payload.web`)).toMatchObject({ id: 'web', runtime: 'lxc' });
  });

  it.each([
    '/',
    '/user.slice/user-1000.slice',
    `/build/${ID}`,
    '/process_api/28a4770a7d91618388eefb803933d598',
    `/system.slice/run-${ID}.scope`,
    `/system.slice/ci-${ID.slice(0, 32)}.service`,
    `/jobs/pod/${ID}`,
    `/docker/${ID.slice(1)}`,
    `/docker/${ID}a`,
    `/docker/${ID}.service`,
    `/docker/${ID.toUpperCase()}`,
    '/docker/buildkit/kjf8s9k2l1',
    '/system.slice/docker.service',
    '/kubepods/burstable',
    `/kubepods/burstable/pod${UID}`,
    `/kubepods/burstable/${ID}`,
    `/system.slice/crio-conmon-${ID}.scope`,
    `/machine.slice/libpod-conmon-${ID}.scope`,
    '/machine.slice/systemd-nspawn@web.service/supervisor',
    '/machine.slice/machine-qemu\\x2d1\\x2dvm.scope',
    '/lxc.monitor.web',
  ])('and %s is in none', (path) => {
    expect(containerOfCgroup(path)).toBeUndefined();
  });
});
