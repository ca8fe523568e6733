import { X509Certificate } from 'node:crypto';
import type { KafkaTlsOptions } from '../options.js';

/** When the first certificate (the listener's own) expires; undefined if there is none, or it cannot be parsed. */
export function expiryOf(cert: KafkaTlsOptions['cert']): Date | undefined {
  const own = Array.isArray(cert) ? cert[0] : cert;
  if (own === undefined) return undefined;
  try {
    return new Date(new X509Certificate(own).validTo);
  } catch {
    return undefined;
  }
}
