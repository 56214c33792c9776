// Prints the path of a Chromium unpacked from the npm package into TMPDIR: no administrator, no system package.
// The package unpacks the libraries it brings along only where it believes to run in that cloud.
process.env.AWS_EXECUTION_ENV ??= 'AWS_Lambda_nodejs22.x';
const { default: chromium } = await import('@sparticuz/chromium');
console.log(await chromium.executablePath());
