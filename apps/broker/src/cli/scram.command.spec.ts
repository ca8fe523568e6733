import { parseScramCredential } from '@genrocks/kafka';
import { describe, expect, it } from 'vitest';
import { genrocks } from './__fixtures__/cli.js';

describe('genrocks scram', () => {
  it('prints a credential for the first line of its input, and never the password', async () => {
    const { code, out } = await genrocks(['scram', '-m', 'scram-sha-256', '-i', '8192'], {
      stdin: 'wonderland\nnot this\n',
    });
    expect(code).toBe(0);
    expect(out).toMatch(/^SCRAM-SHA-256\$8192:/);
    expect(parseScramCredential(out)).toMatchObject({ hash: 'sha256', iterations: 8192 });
    expect(out).not.toContain('wonderland');
  });

  it('refuses what would make none', async () => {
    expect(await genrocks(['scram'], { stdin: '' })).toEqual({
      code: 1,
      out: '',
      err: 'genrocks: INVALID_ARGUMENT: no password on standard input\n',
    });
    expect((await genrocks(['scram', '-m', 'md5'], { stdin: 'x\n' })).err).toContain('SCRAM-SHA-256 or');
    expect((await genrocks(['scram', '-i', '5'], { stdin: 'x\n' })).err).toContain('from 4096');
  });
});
