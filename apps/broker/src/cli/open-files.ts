interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | string } };
}

/**
 * Says what to do if the process, or the machine, has run out of file descriptors; undefined for other errors. Imports
 * nothing, because loading a module may need a descriptor.
 */
export function explainOpenFiles(error: unknown): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { code } = one as NodeJS.ErrnoException;
    if (code === 'ENFILE') {
      return 'the machine has too many open files; raise fs.file-max, or stop the processes that hold them';
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
