/**
 * Kernel events to judge: recorded here and now from programs that this process starts, as `record --raw` does; made up
 * where that needs rights that are lacking.
 */

import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bootOffsetNs, openSensor, type Sensor } from '../../../native/index.ts';
import { type RawRecording, RawWriter, readRaw } from '../../../src/events/kernel/raw-file.ts';
import { madeUp } from './made-up.ts';

export interface Recording {
  readonly recording: RawRecording;
  /** Where it is from, for people. */
  readonly from: string;
}

/** The events of some tens of thousands of system calls. */
export async function record(): Promise<Recording> {
  if (process.geteuid?.() !== 0 || !existsSync('/sys/kernel/btf/vmlinux')) {
    return { recording: madeUp(), from: 'made up: recording takes root and a kernel with BTF' };
  }
  const sensor = openSensor({
    ringBytes: 64 * 1024 * 1024,
    calls: new Map(['open', 'openat', 'openat2', 'creat', 'connect', 'execve'].map((name) => [name, 'all'])),
    env: false,
    real: true,
    file: true,
    scope: { descendantsOf: process.pid },
  });
  try {
    return { recording: await recordWorkload(sensor), from: 'recorded from programs started for it' };
  } finally {
    sensor.close();
  }
}

async function recordWorkload(sensor: Sensor): Promise<RawRecording> {
  const chunks: Uint8Array[] = [];
  const writer = new RawWriter((bytes) => chunks.push(Uint8Array.from(bytes)), {
    bootOffset: bootOffsetNs(),
    hostMountNamespace: statSync('/proc/self/ns/mnt', { throwIfNoEntry: false })?.ino,
  });
  writer.scan(sensor.scan());
  const child = spawn(process.execPath, [join(import.meta.dirname, 'workload.ts')], {
    stdio: 'inherit',
    // A long search for programs would be many execs that fail.
    env: { PATH: '/usr/bin' },
  });
  let over = false;
  child.on('close', () => {
    over = true;
  });
  const slab = new Uint8Array(512 * 1024);
  for (;;) {
    const ended = over;
    const length = sensor.drain(slab);
    if (length > 0) writer.slab(slab.subarray(0, length));
    else if (ended) break;
    // Batches as large as they are under load.
    if (!ended) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { dropped, refused } = sensor.counters();
  const lost = [...Object.values(dropped), ...Object.values(refused)].reduce((sum, count) => sum + count, 0);
  if (lost > 0) console.log(`${lost} records were lost: the ring was full`);
  return readRaw(Buffer.concat(chunks), 'the recording');
}
