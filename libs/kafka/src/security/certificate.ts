import { X509Certificate } from 'node:crypto';
import type { KafkaTlsOptions } from '../options.js';

/** When the first certificate runs out, which is the listener's own; undefined where there is none that can be read. */
export function expiryOf(cert: KafkaTlsOptions['cert']): Date | undefined {
  const own = Array.isArray(cert) ? cert[0] : cert;
  if (own === undefined) return undefined;
  try {
    return new Date(new X509Certificate(own).validTo);
  } catch {
    return undefined;
  }
}
