// Server and two workers under PM2:
//
//   pm2 start Deploy/pm2/ecosystem.config.cjs && pm2 save
//
// Settings come from the environment of `pm2 start`, or from millrace.env in the data folder. Tokens belong into files
// (MILLRACE_ADMIN_TOKEN_FILE), since PM2 keeps the environment in its dump.

const common = {
  script: "millrace",
  interpreter: "none",
  exec_mode: "fork",
  autorestart: true,
  // SIGTERM in place of PM2's SIGINT; either drains. Then there is a minute to finish what is in hand.
  kill_signal: "SIGTERM",
  kill_timeout: 60_000,
  // 64 wrong usage, 65 damaged data, 69 no runtime, no model or no memory for it, 77 a right is missing or the database
  // is a replica, 78 wrong setting: the same start would fail again, so a person has to look.
  stop_exit_codes: [0, 64, 65, 69, 77, 78],
  exp_backoff_restart_delay: 200,
  env: { NO_COLOR: "1" },
};

module.exports = {
  apps: [
    { ...common, name: "millrace", args: ["serve", "--workers", "0"] },
    { ...common, name: "millrace-worker-1", args: ["worker", "--name", "worker-1"] },
    { ...common, name: "millrace-worker-2", args: ["worker", "--name", "worker-2"] },
  ],
};
