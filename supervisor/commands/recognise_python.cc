// Applications in Python: which module has which object of WSGI or ASGI.
#include <algorithm>
#include <array>
#include <filesystem>
#include <regex>
#include <sstream>
#include <system_error>

#include "config/relative_path.h"
#include "supervisor/commands/recognise.h"

namespace prefork {
namespace {

namespace fs = std::filesystem;

struct Framework {
  const char* constructor;  ///< what follows "app = "
  const char* name;
  ProgramKind kind;
  const char* package;
};

constexpr std::array<Framework, 11> kFrameworks{{
    {"Flask", "a Flask application", ProgramKind::kWsgi, "flask"},
    {"FastAPI", "a FastAPI application", ProgramKind::kAsgi, "fastapi"},
    {"Starlette", "a Starlette application", ProgramKind::kAsgi, "starlette"},
    {"Quart", "a Quart application", ProgramKind::kAsgi, "quart"},
    {"Litestar", "a Litestar application", ProgramKind::kAsgi, "litestar"},
    {"Bottle", "a Bottle application", ProgramKind::kWsgi, "bottle"},
    {"get_wsgi_application", "a Django application (WSGI)", ProgramKind::kWsgi, "django"},
    {"get_asgi_application", "a Django application (ASGI)", ProgramKind::kAsgi, "django"},
    {"falcon.asgi.App", "a Falcon application (ASGI)", ProgramKind::kAsgi, "falcon"},
    {"falcon.App", "a Falcon application", ProgramKind::kWsgi, "falcon"},
    {"make_wsgi_app", "a Pyramid application", ProgramKind::kWsgi, "pyramid"},
}};

/// Longer lines are not looked at: the library's regular expressions take stack for each character.
constexpr std::size_t kLongestLine = 300;

/// An object in a module.
struct Application {
  std::string name;  ///< "app", or "create_app()"
  std::string what;
  ProgramKind kind = ProgramKind::kWsgi;
  std::string package = {};  ///< that it needs; empty: none is known
};

const Framework* framework_of(const std::string& constructor) {
  const auto fits = [&](const Framework& one) {
    const std::string name = one.constructor;
    return constructor == name || constructor.ends_with('.' + name);
  };
  const auto* found = std::find_if(kFrameworks.begin(), kFrameworks.end(), fits);
  return found == kFrameworks.end() ? nullptr : found;
}

/// The application that this line makes.
std::optional<Application> application_in(const std::string& line, const std::string& text) {
  static const std::regex kAssignment(R"(([A-Za-z_]\w*)\s*(?::[^=]*)?=\s*([A-Za-z_][\w.]*)\(.*)");
  static const std::regex kWsgi(R"(def (app|application)\(\s*env\w*\s*,\s*start_response.*)");
  static const std::regex kAsgi(R"(async def (app|application)\(\s*scope\s*,.*)");
  static const std::regex kFactory(R"(def (create_app|make_app)\(\s*\).*)");
  std::smatch parts;
  if (std::regex_match(line, parts, kAssignment)) {
    const Framework* framework = framework_of(parts[2]);
    if (framework != nullptr)
      return Application{parts[1], framework->name, framework->kind, framework->package};
  }
  if (std::regex_match(line, parts, kWsgi))
    return Application{parts[1], "a WSGI application", ProgramKind::kWsgi};
  if (std::regex_match(line, parts, kAsgi))
    return Application{parts[1], "an ASGI application", ProgramKind::kAsgi};
  if (!std::regex_match(line, parts, kFactory)) return std::nullopt;
  for (const Framework& framework : kFrameworks) {
    if (text.find(std::string(framework.constructor) + '(') != std::string::npos)
      return Application{parts[1].str() + "()", framework.name, framework.kind, framework.package};
  }
  return std::nullopt;
}

/// Only what stands at the beginning of a line: the module itself makes it. "app" and "application" go
/// before other names.
std::optional<Application> application_of(const std::string& text) {
  std::optional<Application> first;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.size() > kLongestLine || line.front() == ' ' || line.front() == '#') continue;
    auto found = application_in(line, text);
    if (!found) continue;
    if (found->name == "app" || found->name == "application") return found;
    if (!first) first = std::move(found);
  }
  return first;
}

/// The names in a directory, sorted: at most a thousand.
std::vector<std::string> names_in(const std::string& directory, bool directories) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code missing;
    const bool wanted = directories ? entry->is_directory(missing) : name.ends_with(".py");
    if (wanted && !name.starts_with('.')) names.push_back(name);
    if (names.size() == 1000) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

constexpr std::array<const char*, 7> kUsualFiles{"app.py",  "main.py",   "wsgi.py",    "asgi.py",
                                                 "site.py", "server.py", "__init__.py"};

bool is_identifier(const std::string& name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
             std::string::npos;
}

/// The modules that may have the application, the likeliest first, as paths in the directory.
std::vector<std::string> modules_in(const std::string& directory) {
  constexpr std::size_t kMost = 200;
  std::vector<std::string> modules;
  for (const char* usual : kUsualFiles) {
    if (std::string(usual) != "__init__.py") modules.emplace_back(usual);
  }
  for (const std::string& name : names_in(directory, /*directories=*/false)) {
    if (name != "manage.py" && name != "setup.py" && !name.starts_with("test") &&
        is_identifier(name.substr(0, name.size() - 3)))
      modules.push_back(name);
  }
  for (const std::string& package : names_in(directory, /*directories=*/true)) {
    if (!is_identifier(package) || package.starts_with("test")) continue;
    for (const char* usual : kUsualFiles) modules.push_back(package + '/' + usual);
  }
  if (modules.size() > kMost) modules.resize(kMost);
  return modules;
}

/// "shop/wsgi.py" → "shop.wsgi", "shop/__init__.py" → "shop".
std::string module_name(const std::string& path) {
  std::string name = path.substr(0, path.size() - 3);
  if (name.ends_with("/__init__")) name.resize(name.size() - 9);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

/// The interpreter of the application's virtual environment, if it is in the directory.
std::string interpreter_in(const std::string& directory) {
  for (const char* place : {".venv/bin/python", "venv/bin/python", "env/bin/python"}) {
    std::error_code missing;
    if (fs::exists(directory + '/' + place, missing)) return place;
  }
  return "python3";
}

/// The package with the settings, from manage.py: "shop" of 'DJANGO_SETTINGS_MODULE', 'shop.settings'.
std::string django_project(const std::string& directory) {
  static const std::regex kSettings(R"(.*DJANGO_SETTINGS_MODULE['"]\s*,\s*['"](\w+)[.'"].*)");
  std::istringstream lines(beginning_of(directory + "/manage.py"));
  std::smatch parts;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() <= kLongestLine && std::regex_match(line, parts, kSettings)) return parts[1];
  }
  return "";
}

Recognised recognised(const std::string& directory, const std::string& path, const Application& application) {
  const bool wsgi = application.kind == ProgramKind::kWsgi;
  const std::string object = module_name(path) + ':' + application.name;
  const std::string python = interpreter_in(directory);
  Recognised found{application.kind,
                   application.what + ", " + object + " in " + path,
                   {python, "-m", wsgi ? "prefork_worker.wsgi" : "prefork_worker.asgi", object}};
  if (python == "python3") {
    found.packages = {"prefork_worker"};
    if (!wsgi) found.packages.emplace_back("uvicorn");
    if (!application.package.empty()) found.packages.push_back(application.package);
  } else {
    found.note =
        "the virtual environment needs the package prefork_worker: docs/workers-python.md says how to "
        "install it there";
  }
  return found;
}

}  // namespace

std::optional<Recognised> recognise_python(const std::string& directory) {
  std::vector<std::string> modules = modules_in(directory);
  if (const std::string project = django_project(directory); !project.empty())
    modules.insert(modules.begin(), {project + "/wsgi.py", project + "/asgi.py"});
  for (const std::string& path : modules) {
    if (const auto application = application_of(beginning_of(in_directory(path, directory))))
      return recognised(directory, path, *application);
  }
  return std::nullopt;
}

}  // namespace prefork
