interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | string } };
}

/**
 * What to do where the process may open no more files, down to those of its own program; undefined for other errors.
 * Imports nothing: there may be no file left for it.
 */
export function explainOpenFiles(error: unknown): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { code } = one as NodeJS.ErrnoException;
    if (code === 'ENFILE') {
      return 'the machine has no room for more open files; raise fs.file-max, or end what holds them';
    }
    if (code !== 'EMFILE') continue;
    const limit = (process.report?.getReport() as Report | undefined)?.userLimits?.open_files?.soft;
    return (
      `this process may not open more than ${limit ?? 'so many'} files at once; raise the limit ` +
      '(ulimit -n 65536, LimitNOFILE= of systemd, --ulimit nofile= of docker) and start it again'
    );
  }
  return undefined;
}
