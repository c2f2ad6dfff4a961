/** Small documents of each event source that between them have everything that a field reads. */

import { launch } from './aws.ts';
import { activity, directory, signIn } from './azure.ts';
import { pod } from './k8s.ts';
import type { Sample } from './sample.ts';
import { login, message } from './vcd.ts';

export const samples: readonly Sample[] = [launch, pod, activity, signIn, directory, login, message];
