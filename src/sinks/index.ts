/** The sinks that come with falco-pipe. */

import type { SinkDefinition } from '../core/component.ts';
import { azureEventHubs } from './azure-event-hubs.ts';
import { file } from './file.ts';
import { http } from './http.ts';
import { nats } from './nats.ts';
import { program } from './program.ts';
import { stdout } from './stdout.ts';
import { syslog } from './syslog.ts';

export const sinks: readonly SinkDefinition[] = [azureEventHubs, file, http, nats, program, stdout, syslog];
