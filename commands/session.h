// Settings and the target they apply to. Opening is lazy: naming a target costs nothing, the first
// command that needs it reads it. A failed opening is tried again by the next command.
//
// Invariant: one session holds one target and serves one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/arguments.h"
#include "commands/target.h"
#include "heapparse/image/open.h"
#include "querylang/heap.h"

namespace coreheap::commands {

struct Settings {
  image::OpenOptions open;
  SnapshotOptions snapshot;
};

// Options that say how a target is opened: the program's, and those of the C interface's option
// strings.
std::span<const OptionSpec> target_options();
Result<Settings> settings_from(const Arguments& arguments);

struct Context;

class Session {
 public:
  using Opener = std::function<Result<std::unique_ptr<Target>>(JobControl&)>;

  void open_core(const std::string& path, const Settings& settings);
  void open_pid(std::uint64_t pid, const Settings& settings);
  void open_held(std::uint64_t pid, std::vector<image::HeldThread> threads,
                 const Settings& settings);
  // An image that was read already.
  void hold(image::Image image, const Settings& settings);
  // Whatever else gives a target; `name` stands in reports until it is open.
  void open_with(std::string name, Opener opener);
  void retire();

  bool has_target() const { return static_cast<bool>(opener_) || target_ != nullptr; }
  const std::string& target_name() const { return name_; }
  Result<Target*> target(JobControl& job);
  // The target if it was read already, else nullptr.
  const Target* opened() const { return target_.get(); }

  // Of a process that runs and that nobody holds: it can be followed. Else nullopt.
  std::optional<std::uint64_t> live_pid() const { return live_pid_; }
  const image::OpenOptions& open_options() const { return open_options_; }

  // Row numbers: `#3` is the third row of the last list whose rows were numbered. Where none was
  // printed, as on a command line, that is the first screen's list of holders, which is worked out
  // again; a live process may have another one by now, so there it is an error.
  Result<Address> numbered_row(Context& context, std::string_view word);
  // What a command's word ADDR means: an address, or a row number (#3, or 3 as the lists show it:
  // nothing is ever mapped in the first page).
  Result<Address> address_of(Context& context, std::string_view word);
  void remember_rows(std::vector<Address> rows) { numbered_ = std::move(rows); }

  // In front of the words of a line that can be pasted: "heap " in GDB, "coreheap core.1 " in a
  // shell.
  std::string prefix = "heap ";

  // Sets of rows that queries saved; they go with the target.
  query::Variables variables;

 private:
  std::string name_;
  Opener opener_;
  std::optional<std::uint64_t> live_pid_;
  image::OpenOptions open_options_;
  std::unique_ptr<Target> target_;
  std::vector<Address> numbered_;
};

}  // namespace coreheap::commands
