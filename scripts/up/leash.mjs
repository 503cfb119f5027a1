/**
 * Loaded into each process that `up` starts: when `up` is gone, however it ended, the process drains and ends too.
 */
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel.unref()
}
