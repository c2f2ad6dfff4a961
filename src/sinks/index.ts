/** The sinks that come with falco-pipe. */

import type { SinkDefinition } from '../core/component.ts';
import { file } from './file.ts';
import { http } from './http.ts';
import { stdout } from './stdout.ts';

export const sinks: readonly SinkDefinition[] = [file, http, stdout];
