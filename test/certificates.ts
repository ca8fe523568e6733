import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './kafka-harness.js';

export const hasOpenssl = spawnSync('openssl', ['version']).error === undefined;

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** A certificate of 127.0.0.1 that signs itself, so that it serves as an authority too. */
export function makeCertificate(): Certificate {
  const directory = temporaryDirectory();
  const [key, cert] = [join(directory.path, 'key.pem'), join(directory.path, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const request = ['req', '-x509', ...curve, '-nodes', '-days', '2'];
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  const made = { key: readFileSync(key), cert: readFileSync(cert) };
  directory.remove();
  return made;
}
